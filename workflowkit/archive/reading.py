"""Rows of an archive's tables and views: all of them, or those of chosen instances."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from ..errors import ConfigError
from .cases import FITS, Where
from .database import Database, Rows
from .tables import ORDER

_WITHOUT_INSTANCE = frozenset({"forms", "fields"})
_ID = {"instances": "id", "events": "case_id"}

_READ = {
    table: f"SELECT * FROM {table} ORDER BY {', '.join(str(number) for number in range(1, columns + 1))}"
    for table, columns in ORDER.items()
}
_READ_CHOSEN = {
    table: f"""
        SELECT * FROM {table} WHERE EXISTS (
            SELECT 1 FROM instances WHERE instances.system = {table}.system AND instances.tenant = {table}.tenant
                AND instances.id = {table}.{_ID.get(table, "instance_id")} AND {FITS})
        ORDER BY {", ".join(str(number) for number in range(1, columns + 1))}"""
    for table, columns in ORDER.items()
    if table not in {*_WITHOUT_INSTANCE, "instances"}
} | {"instances": f"SELECT * FROM instances WHERE {FITS} ORDER BY 1, 2, 3"}


async def read_table(database: Database, table: str, where: Where | None = None) -> AsyncGenerator[Rows]:
    """Yield a table's rows in chunks, at least one, each with the names of its columns.

    Raises ConfigError for an unknown table, and for one whose rows belong to no instance where instances are chosen.
    """
    if table not in _READ:
        raise ConfigError(f"table {table!r}: choose one of {', '.join(_READ)}")
    everything = where is None or where == Where()
    if not everything and table not in _READ_CHOSEN:
        raise ConfigError(f"table {table}: its rows belong to no instance, so none can be chosen")
    query = _READ[table] if everything else _READ_CHOSEN[table]
    async with aclosing(database.read(query, *(() if where is None or everything else where.parameters))) as chunks:
        async for names, rows in chunks:
            yield names, rows
