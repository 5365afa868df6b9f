"""Pure decisions and values; no driver, no clock, no sleep."""
