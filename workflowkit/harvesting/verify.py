"""Whether an archive holds what it says: counts, gaps, and each row against the vendor's own JSON of it."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence

import attrs

from ..errors import WorkflowKitError
from ..source import Row
from .archive import Archive
from .database import storable
from .schema import TABLES, columns

Reread = Callable[[bytes, int], Row]
"""Makes a row anew from its raw JSON and its position."""

_COUNTED = ("logs", "tasks", "nodes")
"""Tables whose positions have no gaps."""

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
    """Something in an archive that isn't as it should be; about the whole file, if `id` is empty."""

    system: str
    tenant: str
    id: str
    what: str


async def verify(archive: Archive, readers: Mapping[tuple[str, str], Reread]) -> AsyncIterator[Problem]:
    """Yield what is wrong with the archive, nothing if all is well; nothing is sent and nothing changed.

    Args:
        archive: it must have been entered; for reading only is enough.
        readers: how rows of a system's table are made from their raw JSON; others aren't compared.

    Raises HarvestError if it can't be read.
    """
    for problem in await archive.transact(_structure):
        yield problem
    for kind, table in TABLES.items():
        if table in _COUNTED:
            async for names, rows in archive.read(table):
                for row in rows:
                    stored = dict(zip(names, row, strict=True))
                    reread = readers.get((stored["system"], table))
                    for what in () if reread is None else _differences(columns(kind), stored, reread):
                        yield Problem(row[0], row[1], row[2], f"{table}, position {stored['position']}: {what}")


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


def _differences(names: Sequence[str], stored: Mapping[str, object], reread: Reread) -> Iterator[str]:
    """Yield what in a row isn't as its raw JSON has it."""
    try:
        made = reread(str(stored["raw"]).encode(), int(str(stored["position"])))
    except WorkflowKitError as error:
        yield f"raw can't be read: {error}"
        return
    for name in names:
        if storable(getattr(made, name)) != stored[name]:
            yield f"{name} isn't what raw says"
