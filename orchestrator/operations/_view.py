"""A column that answers to its new name through a version's own view, until the table itself has it.

Why it exists: nothing is copied, so whatever hangs on the column stays as it is; but a version must come through its view, and
what cannot, or what finds the column by its name in a text, must be known before.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.core.catalog import Access, Catalog, Table, TableName
from orchestrator.core.errors import PlanRefused
from orchestrator.core.plan import Draft, PhaseName, PlannedStep, Settings
from orchestrator.core.step import SwitchReads
from orchestrator.core.viewstep import CreateSchema, CreateView, DropSchema, DropView, RenameColumn
from orchestrator.operations import _table
from orchestrator.operations._model import new_column

INVOKER = 150000
"""The server version from which views can be read as their invoker."""
_NEEDED = ("SELECT", "INSERT", "UPDATE", "DELETE")


def draft(catalog: Catalog, table: Table, column: str, to: str, schema: str, settings: Settings) -> Draft:
    """All Steps of a rename by views. Raises PlanRefused."""
    new_column(table, to)
    _refuse(catalog, table, schema)
    _names_only(table, column)
    steps = _steps(table, RenameColumn(table.name, column, to), schema, settings)
    return Draft(tuple(steps), tuple(_notes(catalog, table, column, schema)))


def _steps(table: Table, rename: RenameColumn, schema: str, settings: Settings) -> Iterator[PlannedStep]:
    made = CreateSchema(schema, settings.change_id, table.usage)
    yield PlannedStep("expand", made, f"make the schema {schema} for the new version's views")
    view = _view(table, rename, schema)
    yield PlannedStep("expand", view, f"show {rename.table}.{rename.column} as {rename.to} in {view.view}")
    switch = SwitchReads(settings.change_id)
    yield PlannedStep("switch_reads", switch, f"reads_new answers true: {schema} is the schema to look into first")
    yield PlannedStep("contract", rename, f"rename {rename.table}.{rename.column} to {rename.to}, below the view")
    phase: PhaseName = "purge" if settings.park > 0 else "contract"
    yield PlannedStep(phase, DropView(view.view, table.name), f"drop the view {view.view}; {table.name} has its names")
    yield PlannedStep(phase, DropSchema(schema, settings.change_id), f"drop the schema {schema}, empty by then")


def _view(table: Table, rename: RenameColumn, schema: str) -> CreateView:
    """It belongs to the login, which needs no CREATE for others; the table's owner is given what a version needs."""
    owners = tuple((privilege, table.access.owner, False) for privilege in _NEEDED)
    names = tuple(column.name for column in table.columns)
    return CreateView(
        view=TableName(schema, table.name.name),
        table=table.name,
        columns=names,
        access=Access("", (*owners, *table.access.grants)),
        column_grants=tuple((column.name, column.grants) for column in table.columns if column.grants),
        comment=table.comment,
        shown=tuple(rename.to if name == rename.column else name for name in names),
    )


def _refuse(catalog: Catalog, table: Table, schema: str) -> None:
    """What stands in the way of a view of the table, or of renaming below it."""
    by_copy = "rename by copy: leave out `switch_reads: {by: views}`"
    _table.alone(table, partitioned=True)
    _table.at_rest(table)
    if catalog.server_version < INVOKER:
        reason = "before PostgreSQL 15 a view is read with its owner's rights: policies and privileges would not hold"
        raise PlanRefused(reason, by_copy)
    if catalog.taken:
        reason = f"there is a schema {schema} already"
        raise PlanRefused(reason, "name another one: `switch_reads: {by: views, in_schema: …}`")
    if table.typed:
        raise PlanRefused(f"{table.name} is made of a type, which names its columns", "ALTER TABLE … NOT OF first")
    published = [d.name for d in table.dependents if d.kind == "publication"]
    if published or table.subscribed:
        by = f"published by {', '.join(published)}" if published else "filled by a subscription"
        reason = f"{table.name} is {by}: replication finds a column by its name, and would stop at contract"
        raise PlanRefused(reason, "take the table out of the publication for the change, and rename on both sides")
    if table.around:
        raise PlanRefused(
            f"the server was sent what a view of {table.name} would not take: {_short(table.around[0])}",
            f"{by_copy}; or make sure that the new version sends no such statement, take it out of the statistics"
            " (pg_stat_statements_reset(userid, dbid, queryid)) and plan again",
        )


def _names_only(table: Table, column: str) -> None:
    """Refuse triggers whose text names the column: every write that calls them would fail from contract on (F17)."""
    calling = [body.name for body in table.bodies if body.trigger and column in body.words]
    if calling:
        raise PlanRefused(
            f"{', '.join(calling)} names {column} in its text, which no rename reaches: writes would fail at contract",
            "let it find the name at run time (to_jsonb(NEW) -> 'name'), or rename by copy:"
            " leave out `switch_reads: {by: views}`",
        )


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 80 else line[:79] + "…"


def _notes(catalog: Catalog, table: Table, column: str, schema: str) -> Iterator[str]:
    yield (
        f"new versions connect with search_path = {schema}, {table.name.schema} and name {table.name.name} without its"
        f" schema; from the purge on {schema} is gone and they find the table itself, with the new names in the same order"
    )
    yield (
        f"until the purge {schema}.{table.name.name} is a view: COPY into it, TRUNCATE, ON CONFLICT ON CONSTRAINT, MERGE"
        " (before 17), pg_get_serial_sequence and system columns fail through it"
    )
    yield (
        f"from contract on, statements that name {table.name}.{column} fail (42703), and prepared SELECT * and RETURNING *"
        " on the table itself (0A000) until their connection is renewed; through the view nothing changes"
    )
    if table.partitioning is not None:
        listed = ", ".join(str(partition.name) for partition in table.partitioning.partitions)
        yield f"contract renames {column} in all partitions, too: no view shows these to whoever names them: {listed}"
    if not catalog.traced:
        yield (
            f"pg_stat_statements does not tell whether a version sends COPY into {table.name} or asks"
            " pg_get_serial_sequence of it: see to it that the new one does not"
        )
    named = [body.name for body in table.bodies if column in body.words or column in body.quotes]
    if named:
        yield (
            f"{', '.join(named)} name {table.name.name} and {column} in their text: called by a new version they look into"
            f" the view, and from contract on they find no {column}; replace them together with the versions"
        )
