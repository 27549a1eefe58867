"""Which rows and columns of a table an export has."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing

from ..archive import Archive, Where
from ..archive.database import Rows
from ..archive.eventlog import STANDARD
from ..errors import ConfigError
from .text import without_secrets


async def chosen_rows(
    archive: Archive, table: str, *, form: str | None, where: Where, columns: Sequence[str] | None, raw: bool
) -> AsyncGenerator[Rows]:
    """Yield the rows of a table in chunks, with the columns that are wanted. Without `raw` they have no signed link.

    Events have the standard names of event logs, and can be chosen by their names in the archive, too. Raises
    ConfigError for an unknown column, and for one that is wanted twice.
    """
    if columns is not None and len(set(columns)) < len(columns):
        raise ConfigError(f"columns {', '.join(columns)}: one of them is there twice")
    if table == "records":
        source = archive.read_records(str(form), where)
    else:
        source = archive.read_event_log(where) if table == "events" else archive.read(table, where)
    async with aclosing(source) as chunks:
        async for names, rows in chunks:
            shown: Rows = (names, rows)
            if not raw:  # in a thread: records may be large
                shown = await asyncio.to_thread(without_secrets, table, shown)
            yield shown if columns is None else _only(columns, shown, _ALIASES if table == "events" else {})


_ALIASES = {name: standard for standard, name in STANDARD.items()}
"""The archive's own names of an event log's columns."""


def _only(columns: Sequence[str], shown: Rows, aliases: Mapping[str, str]) -> Rows:
    names, rows = shown
    for column in columns:
        if aliases.get(column, column) not in names:
            raise ConfigError(f"column {column!r}: choose of {', '.join(names)}")
    places = [names.index(aliases.get(column, column)) for column in columns]
    return tuple(columns), [tuple([row[place] for place in places]) for row in rows]
