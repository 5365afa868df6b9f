"""The execution protocol as a small model, explored exhaustively."""
