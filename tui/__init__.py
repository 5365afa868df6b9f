"""The terminal screens: read models shown, intents posted."""
