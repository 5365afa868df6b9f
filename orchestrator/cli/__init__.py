"""The command line: words and wiring, no decisions."""
