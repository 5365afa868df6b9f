"""One file per Operation a change file may ask for."""
