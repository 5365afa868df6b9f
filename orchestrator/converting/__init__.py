"""Dangerous SQL → change files: one file per kind of Act, each the ``plugin`` that asks for operations in its place."""
