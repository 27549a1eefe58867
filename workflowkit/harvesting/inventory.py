"""The files of an archive, for people: how many there are, where each lies, and whether it still does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import attrs

from ..files import hash_of
from .archive import Archive

_RETRY = "UPDATE files SET state = 'pending', reason = NULL, wrong = 0 WHERE state = 'lost'"
_LIST = """
    SELECT system, tenant, instance_id, position, ordinal, name, link, state, reason, path,
        sha256, bytes
    FROM attachments
    ORDER BY CASE state WHEN 'lost' THEN 1 WHEN 'saved' THEN 3 ELSE 2 END, reason IS NULL, 1, 2, 3, 4, 5 LIMIT ?
"""
_COUNT = """
    SELECT state, count(*), coalesce(sum(bytes), 0), min(expires_at), coalesce(sum(reason IS NOT NULL), 0)
    FROM files WHERE (? IS NULL OR (system = ? AND tenant = ?)) GROUP BY state
"""


@attrs.frozen
class File:
    """One place of an archive that links to a file. Several may link to the same.

    Attributes:
        system: of that place, as are the next four.
        tenant: whose instance it is.
        instance_id: the instance.
        position: the log.
        ordinal: which of the log's attachments; -1 for its signature.
        name: its original name, or None for a signature.
        link: where it was, without the link's own signature.
        state: ``pending``, ``deferred`` to the next run, ``saved`` or ``lost``.
        reason: why it is lost or waits, or how it differs from what was announced.
        path: where it lies.
        sha256: of its content, in hexadecimal.
        bytes: its size.
    """

    system: str
    tenant: str
    instance_id: str
    position: int
    ordinal: int
    name: str | None
    link: str
    state: str
    reason: str | None
    path: str | None
    sha256: str | None
    bytes: int | None


@attrs.frozen
class Damage:
    """A file that was saved, and isn't there any more as it was."""

    system: str
    tenant: str
    instance_id: str
    path: str
    what: str


@attrs.frozen(kw_only=True)
class FileCounts:
    """How the files of an archive stand.

    Attributes:
        saved: files that are there.
        bytes: how large those are together.
        differing: how many of them aren't as announced. `reason` says how.
        waiting: files that are to be saved.
        lost: files that can't be had any more. `reason` says why.
        next_deadline: when the first link of those that wait expires, as UTC text, or None if none does.
    """

    saved: int = 0
    bytes: int = 0
    differing: int = 0
    waiting: int = 0
    lost: int = 0
    next_deadline: str | None = None


async def count_files(archive: Archive, system: str | None = None, tenant: str | None = None) -> FileCounts:
    """Return how the files stand, of one tenant or of all."""
    states = {state: row for state, *row in await archive.ask(_COUNT, system, system, tenant)}
    saved, size, _, differing = states.get("saved", (0, 0, None, 0))
    waiting, _, deadline, _ = states.get("pending", (0, 0, None, 0))
    deferred, _, later, _ = states.get("deferred", (0, 0, None, 0))
    lost, *_ = states.get("lost", (0,))
    return FileCounts(
        saved=saved,
        bytes=size,
        differing=differing,
        waiting=waiting + deferred,
        lost=lost,
        next_deadline=min(filter(None, (deadline, later)), default=None),
    )


async def retry_lost(archive: Archive) -> int:
    """Let the next harvest that saves files try the lost ones again. Return how many that are."""
    return await archive.transact(lambda connection: connection.execute(_RETRY).rowcount)


async def list_files(archive: Archive, most: int | None = None) -> list[File]:
    """Return the places that link to files, or the first so many: what is lost first, what waits, what is saved."""
    rows = await archive.ask(_LIST, -1 if most is None else most)
    found = [File(*row) for row in rows]
    return [attrs.evolve(file, path=file.path and str(archive.path.parent / file.path)) for file in found]


async def verify_files(archive: Archive) -> AsyncIterator[Damage]:
    """Yield each saved file that isn't as it was saved. All are read, and nothing is changed."""
    async for names, rows in archive.read("files"):
        for row in rows:
            file = dict(zip(names, row, strict=True))
            if file["state"] == "saved":
                path = archive.path.parent / file["path"]
                found = await asyncio.to_thread(hash_of, path)
                if found != file["sha256"]:
                    what = {None: "it isn't there", "": "it can't be read"}.get(found, "its content is another one")
                    yield Damage(file["system"], file["tenant"], file["instance_id"], str(path), what)
