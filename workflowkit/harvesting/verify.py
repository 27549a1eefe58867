"""Whether an archive holds what it says: counts, gaps, and each row against the vendor's own JSON of it."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from typing import Any

import attrs

from ..errors import WorkflowKitError
from ..source import AttachmentRow, Row
from .archive import Archive
from .database import adapt
from .schema import TABLES, columns

Reread = Callable[[bytes, int], Sequence[Row]]
"""Makes a row, and the links in it, anew from its raw JSON and its position."""

Stored = Mapping[str, Any]

_COUNTED = ("logs", "tasks", "nodes")
"""Tables whose positions have no gaps."""

_NO_LOG = "there is a link of a log that isn't there"
_SAID = """
    SELECT system, tenant, id, said, (
        SELECT count(*) FROM logs WHERE logs.system = told.system AND logs.tenant = told.tenant AND instance_id = id
    ) AS counted
    FROM (SELECT system, tenant, id, logs AS said FROM instances WHERE holds LIKE '%logs%') AS told
    WHERE said <> counted
"""
_GAPS = """
    SELECT system, tenant, instance_id, max(position) + 1, count(*) FROM {table}
    GROUP BY 1, 2, 3 HAVING max(position) + 1 <> count(*)
"""
_ORPHANS = """
    SELECT system, tenant, instance_id, count(*) FROM {table} WHERE NOT EXISTS (
        SELECT 1 FROM instances WHERE instances.system = {table}.system
            AND instances.tenant = {table}.tenant AND instances.id = {table}.instance_id
    ) GROUP BY 1, 2, 3
"""


@attrs.frozen
class Problem:
    """Something in an archive that isn't as it should be.

    Without an `id` it is about a table of the system, and without a `system` about the whole file.
    """

    system: str
    tenant: str
    id: str
    what: str


async def verify(archive: Archive, readers: Mapping[tuple[str, str], Reread]) -> AsyncIterator[Problem]:
    """Yield what is wrong with the archive, nothing if all is well. Nothing is sent, and nothing is changed.

    Args:
        archive: it must have been entered. For reading only is enough.
        readers: makes the rows of a system's table from their raw JSON. A table without one can't be compared,
            which is a problem of its own.

    Raises HarvestError if it can't be read.
    """
    for problem in await archive.transact(_structure):
        yield problem
    unknown: set[tuple[str, str]] = set()
    async with aclosing(_rows(archive, "links")) as links:
        left = await anext(links, None)
        for table in _COUNTED:
            async with aclosing(_rows(archive, table)) as rows:
                async for row in rows:
                    mine: list[Stored] = []
                    while table == "logs" and left is not None and _key(left) <= _key(row):
                        if _key(left) == _key(row):
                            mine.append(left)
                        else:
                            yield _problem(left, _NO_LOG)
                        left = await anext(links, None)
                    reread = readers.get((row["system"], table))
                    if reread is not None:
                        for what in _differences(row, mine, reread):
                            yield _problem(row, f"{table}, position {row['position']}: {what}")
                    elif (row["system"], table) not in unknown:
                        unknown.add((row["system"], table))
                        yield Problem(row["system"], "", "", f"its {table} weren't compared: nothing reads their JSON")
        while left is not None:
            yield _problem(left, _NO_LOG)
            left = await anext(links, None)


async def _rows(archive: Archive, table: str) -> AsyncGenerator[Stored]:
    async for names, rows in archive.read(table):
        for row in rows:
            yield dict(zip(names, row, strict=True))


def _key(row: Stored) -> tuple[Any, ...]:
    return row["system"], row["tenant"], row["instance_id"], row["position"]


def _problem(row: Stored, what: str) -> Problem:
    return Problem(row["system"], row["tenant"], row["instance_id"], what)


def _structure(connection: sqlite3.Connection) -> list[Problem]:
    """Return what counts and keys show."""
    found = [Problem("", "", "", text) for (text,) in connection.execute("PRAGMA integrity_check") if text != "ok"]
    for system, tenant, id_, said, counted in connection.execute(_SAID):
        found.append(Problem(system, tenant, id_, f"{said} logs are said to be there, {counted} are"))
    for table in _COUNTED:
        for system, tenant, id_, end, counted in connection.execute(_GAPS.format(table=table)):
            found.append(Problem(system, tenant, id_, f"{table} go up to position {end - 1}, but there are {counted}"))
    for table in TABLES.values():
        for system, tenant, id_, counted in connection.execute(_ORPHANS.format(table=table)):
            found.append(Problem(system, tenant, id_, f"{counted} rows of {table}, but there is no such instance"))
    return found


def _differences(stored: Stored, links: Sequence[Stored], reread: Reread) -> Iterator[str]:
    """Yield what in a row, and in its links, isn't as its raw JSON has it."""
    try:
        made, *expected = reread(stored["raw"].encode(), stored["position"])
    except WorkflowKitError as error:
        yield f"raw can't be read: {error}"
        return
    for name in columns(type(made)):
        if adapt(getattr(made, name)) != stored[name]:
            yield f"{name} isn't what raw says"
    names = columns(AttachmentRow)
    told = [[adapt(getattr(link, name)) for name in names] for link in expected]
    if sorted(told, key=_ordinal) != [[link[name] for name in names] for link in links]:
        yield "its links aren't those that raw has"


def _ordinal(link: Sequence[Any]) -> int:
    return int(link[1])
