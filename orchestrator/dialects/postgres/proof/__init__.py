"""Proof on a schema-only clone: what statements in use mean before some Steps and after them.

Why it exists: only the server resolves names as the server does. It is asked on a copy of the schema that holds no row, where
the very Steps are applied; production is only read.
"""
