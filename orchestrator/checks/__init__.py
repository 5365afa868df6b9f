"""One file per verification Check."""
