"""One file per lint rule; its docstring is its documentation."""
