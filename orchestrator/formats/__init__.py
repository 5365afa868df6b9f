"""One file per migration tool: import and export."""
