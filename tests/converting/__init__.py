"""Dangerous SQL becomes changes that leave the same schema, and nothing of it gets lost."""
