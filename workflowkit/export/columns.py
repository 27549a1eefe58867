"""Which columns of which instances an export has."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing

from ..archive import Archive, Where
from ..archive.eventlog import STANDARD, Columns, as_columns, read_event_log
from ..errors import ConfigError
from .text import without_secrets


async def chosen_columns(
    archive: Archive,
    table: str,
    *,
    form: str | None,
    where: Where,
    columns: Sequence[str] | None,
    raw: bool,
) -> AsyncGenerator[Columns]:
    """Yield the columns of a table that are wanted, some rows at a time. Without `raw` they have no signed link.

    Events have the standard names of event logs, and can be chosen by their names in the archive, too. Raises
    ConfigError for an unknown column, and for one that is wanted twice.
    """
    if columns is not None and len(set(columns)) < len(columns):
        raise ConfigError(f"columns {', '.join(columns)}: one of them is there twice")
    async with aclosing(_read(archive, table, form, where)) as chunks:
        async for found in chunks:
            shown = found
            if not raw and table == "records":  # in a thread: they may be large
                shown = await asyncio.to_thread(without_secrets, table, shown)
            elif not raw:
                shown = without_secrets(table, shown)
            yield shown if columns is None else _only(columns, shown, _ALIASES if table == "events" else {})


async def _read(archive: Archive, table: str, form: str | None, where: Where) -> AsyncGenerator[Columns]:
    if table == "events":
        async with aclosing(read_event_log(archive.database, where)) as chunks:
            async for columns in chunks:
                yield columns
        return
    source = archive.read_records(str(form), where) if table == "records" else archive.read(table, where)
    async with aclosing(source) as rows_of:
        async for names, rows in rows_of:
            yield as_columns(names, rows)


_ALIASES = {name: standard for standard, name in STANDARD.items()}
"""The archive's own names of an event log's columns."""


def _only(wanted: Sequence[str], columns: Columns, aliases: Mapping[str, str]) -> Columns:
    for name in wanted:
        if aliases.get(name, name) not in columns:
            raise ConfigError(f"column {name!r}: choose of {', '.join(columns)}")
    return {name: columns[aliases.get(name, name)] for name in wanted}
