"""The Registry: what orch knows of every Change, and the machine that says what may happen next."""
