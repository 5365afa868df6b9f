"""Alembic environment and versions of the Registry's schema."""
