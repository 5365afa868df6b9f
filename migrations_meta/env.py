"""Alembic's environment: runs on the connection it is given, inside that connection's transaction."""

from __future__ import annotations

from alembic import context

from state.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table="registry_version",
    version_table_schema="orch",
    include_schemas=True,
)
context.run_migrations()
