"""One file per throttle Signal."""
