"""A release to watch: a shop whose applications keep writing while three changes go through, and the proof of it."""
