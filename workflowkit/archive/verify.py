"""Whether an archive holds what it says: counts, gaps, and each row against the vendor's own JSON of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from typing import Any

import attrs

from ..errors import WorkflowKitError
from ..files import hash_of
from ..source import AttachmentRow, RecordRow, Row
from .archive import Archive
from .checks import COUNTED, Problem
from .tables import columns
from .values import adapt

Reread = Callable[[bytes, int], Sequence[Row | RecordRow]]
"""Makes a row, and the links in it, anew from its raw JSON and its position. A record has none: it is 0."""

Stored = Mapping[str, Any]

_NO_LOG = "there is a link of a log that isn't there"


@attrs.frozen
class Damage:
    """A saved file that is missing or has changed."""

    system: str
    tenant: str
    instance_id: str
    path: str
    what: str


async def verify(archive: Archive, readers: Mapping[tuple[str, str], Reread]) -> AsyncIterator[Problem]:
    """Yield what is wrong with the archive, nothing if all is well. Nothing is sent, and nothing is changed.

    Args:
        archive: it must have been entered. For reading only is enough.
        readers: makes the rows of a system's table from their raw JSON. A table without one can't be compared,
            which is a problem of its own.

    Raises HarvestError if it can't be read.
    """
    for problem in await archive.check():
        yield problem
    unknown: set[tuple[str, str]] = set()
    async with aclosing(_rows(archive, "links")) as links:
        left = await anext(links, None)
        for table in (*COUNTED, "records"):
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
                            where = f"{table}, position {row['position']}" if table in COUNTED else table
                            yield _problem(row, f"{where}: {what}")
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


def _differences(stored: Stored, links: Sequence[Stored], reread: Reread) -> Iterator[str]:
    """Yield what in a row, and in its links, isn't as its raw JSON has it."""
    try:
        made, *expected = reread(stored["raw"].encode(), stored.get("position", 0))
    except WorkflowKitError as error:
        yield f"raw can't be read: {error}"
        return
    for name in columns(type(made)):
        if adapt(getattr(made, name)) != stored[name]:
            yield f"{name} isn't what raw says"
    names = columns(AttachmentRow)
    values = [[adapt(getattr(link, name)) for name in names] for link in expected]
    if sorted(values, key=_ordinal) != [[link[name] for name in names] for link in links]:
        yield "its links aren't those that raw has"


def _ordinal(link: Sequence[Any]) -> int:
    return int(link[1])


async def verify_files(archive: Archive) -> AsyncIterator[Damage]:
    """Yield each saved file that is missing or has changed. All are read, and nothing is changed."""
    async for names, rows in archive.read("files"):
        for row in rows:
            file = dict(zip(names, row, strict=True))
            if file["state"] == "saved":
                path = archive.path.parent / file["path"]
                found = await asyncio.to_thread(hash_of, path)
                if found != file["sha256"]:
                    what = {None: "it isn't there", "": "it can't be read"}.get(found, "its content is another one")
                    yield Damage(file["system"], file["tenant"], file["instance_id"], str(path), what)
