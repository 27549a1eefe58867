"""Which rows and columns of a table an export has."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from operator import itemgetter

from ..archive import Archive, Where
from ..archive.database import Rows
from ..errors import ConfigError
from .text import without_secrets


async def chosen_rows(
    archive: Archive, table: str, *, form: str | None, where: Where, columns: Sequence[str] | None, raw: bool
) -> AsyncGenerator[Rows]:
    """Yield the rows of a table in chunks, with the columns that are wanted. Without `raw` they have no signed link.

    Events have the standard names of event logs, and can be chosen by their names in the archive, too. Raises
    ConfigError for an unknown column.
    """
    if table == "records":
        source = archive.read_records(str(form), where)
    elif table == "events" and (columns is None or any(":" in column or "_timestamp" in column for column in columns)):
        source = archive.read_event_log(where)
    else:
        source = archive.read(table, where)
    async with aclosing(source) as chunks:
        async for names, rows in chunks:
            shown: Rows = (names, rows)
            if not raw:  # in a thread: records may be large
                shown = await asyncio.to_thread(without_secrets, table, shown)
            yield shown if columns is None else _only(columns, shown)


def _only(columns: Sequence[str], shown: Rows) -> Rows:
    names, rows = shown
    for column in columns:
        if column not in names:
            raise ConfigError(f"column {column!r}: choose of {', '.join(names)}")
    places = [names.index(column) for column in columns]
    if len(places) == 1:
        return tuple(columns), [(row[places[0]],) for row in rows]
    pick = itemgetter(*places)
    return tuple(columns), [pick(row) for row in rows]
