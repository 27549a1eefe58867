"""What is behind expiring links, as the archive remembers it: what is to save, what is saved, what is lost."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from datetime import datetime
from pathlib import Path

import attrs

from ..files import Kept, hash_of
from ..source import AttachmentRow
from .archive import Archive
from .database import now, storable
from .schema import LINK_OF

_NAMES = ("system", "tenant", "link", "url", "expires_at", "size", "instance_id", "position")
_REMEMBER = f"INSERT INTO files ({', '.join(_NAMES)}) VALUES "
_OR_RENEW = f"""
    ON CONFLICT (system, tenant, link) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in _NAMES[3:])}
    WHERE files.state <> 'saved'
"""
_MOST_ROWS = 100
_TENANT = "system = ? AND tenant = ?"
_TAKE = f"""
    SELECT link, url, expires_at, size, instance_id, position, etag FROM files
    WHERE {_TENANT} AND state = 'pending' ORDER BY expires_at IS NULL, expires_at LIMIT ?
"""
_ONE = f"SELECT link, url, expires_at, size, instance_id, position, etag FROM files WHERE {_TENANT} AND link = ?"
_BEGIN = f"UPDATE files SET etag = ? WHERE {_TENANT} AND link = ?"
_SAVED = f"""
    UPDATE files SET state = 'saved', reason = ?, etag = NULL, path = ?, sha256 = ?, bytes = ?, saved_at = ?
    WHERE {_TENANT} AND link = ?
"""
_LOST = f"UPDATE files SET state = 'lost', reason = ?, etag = NULL WHERE {_TENANT} AND link = ?"
_DEFER = f"UPDATE files SET state = 'deferred' WHERE {_TENANT} AND link = ?"
_TAKE_UP_AGAIN = f"UPDATE files SET state = 'pending' WHERE {_TENANT} AND state = 'deferred'"
_ELSEWHERE = f"""
    SELECT instance_id, position FROM links
    WHERE {_TENANT} AND substr(url, 1, length(?)) = ? AND instance_id <> ? ORDER BY expires_at DESC LIMIT 5
"""
_LATER = f"UPDATE files SET reason = ? WHERE {_TENANT} AND link = ?"
_RETRY = "UPDATE files SET state = 'pending', reason = NULL WHERE state = 'lost'"
_WITNESS = f"SELECT url FROM files WHERE {_TENANT} AND state = 'saved' LIMIT 1"
_WITNESS_INSTANCE = f"""
    SELECT id FROM instances WHERE {_TENANT} AND state = 'done' AND id NOT IN (
        SELECT instance_id FROM files WHERE {_TENANT} AND state = 'pending' AND reason IS NOT NULL
    ) LIMIT 1
"""
_WAITING = f"SELECT count(*), min(expires_at) FROM files WHERE {_TENANT} AND state = 'pending'"
_LIST = f"""
    SELECT system, tenant, instance_id, position, ordinal, name, {LINK_OF.format(url="url")}, state, reason, path,
        sha256, bytes
    FROM attachments
    ORDER BY CASE state WHEN 'lost' THEN 1 WHEN 'saved' THEN 3 ELSE 2 END, reason IS NULL, 1, 2, 3, 4, 5 LIMIT ?
"""
_COUNT = """
    SELECT state, count(*), coalesce(sum(bytes), 0), min(expires_at), coalesce(sum(reason IS NOT NULL), 0)
    FROM files WHERE (? IS NULL OR (system = ? AND tenant = ?)) GROUP BY state
"""


@attrs.frozen
class Wanted:
    """A file that is to be saved.

    Attributes:
        link: the link without its signature: what tells the file from all others.
        url: the latest link.
        expires_at: when that dies, as UTC text; None where it doesn't say.
        size: bytes, as the log says.
        instance_id: where the link was read.
        position: of the log there.
        etag: the host's, of what an earlier try has left.
    """

    link: str
    url: str = attrs.field(repr=False)
    expires_at: str | None
    size: int | None
    instance_id: str
    position: int
    etag: str | None


@attrs.frozen
class File:
    """One place of an archive that links to a file; several may link to the same.

    Attributes:
        system: of that place, as are the next four.
        tenant: whose instance it is.
        instance_id: the instance.
        position: the log.
        ordinal: which of the log's attachments; -1 for its signature.
        name: its original name; None for a signature.
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
        differing: how many of them aren't as announced; `reason` says how.
        waiting: files that are to be saved.
        lost: files that can't be had any more; `reason` says why.
        next_deadline: when the first link of those that wait dies, as UTC text; None if none does.
    """

    saved: int = 0
    bytes: int = 0
    differing: int = 0
    waiting: int = 0
    lost: int = 0
    next_deadline: str | None = None


def remember(connection: sqlite3.Connection, key: Sequence[str], rows: Iterable[AttachmentRow]) -> None:
    """Remember what the links of an instance lead to; of what isn't saved yet, the latest link replaces others."""
    system, tenant, instance_id = key
    found: dict[str, tuple[object, ...]] = {}
    for row in rows:
        url = storable(row.url)
        link = url.partition("?")[0]
        told = (storable(row.expires_at), storable(row.size), instance_id, row.position)
        found[link] = (system, tenant, link, url, *told)
    told_of = list(found.values())
    for start in range(0, len(told_of), _MOST_ROWS):
        some = told_of[start : start + _MOST_ROWS]
        values = ", ".join([f"({', '.join('?' * len(_NAMES))})"] * len(some))
        connection.execute(_REMEMBER + values + _OR_RENEW, [value for each in some for value in each])


class Links:
    """The files that one tenant's links lead to; every method raises `HarvestError` if the archive can't be used."""

    def __init__(self, archive: Archive, system: str, tenant: str) -> None:
        self._archive = archive
        self._tenant = (system, tenant)

    async def take(self, most: int, *, without: Collection[str]) -> list[Wanted]:
        """Return up to so many files that are to be saved, but for some; whose link dies first comes first."""
        rows = await self._archive.ask(_TAKE, *self._tenant, most + len(without))
        return [file for row in rows if (file := Wanted(*row)).link not in without][:most]

    async def renew(self, file: Wanted, instance_id: str, rows: Sequence[AttachmentRow]) -> Wanted:
        """Take in an instance's links as they are now, and return the file with its latest one."""

        def work(connection: sqlite3.Connection) -> Wanted:
            remember(connection, (*self._tenant, instance_id), rows)
            return Wanted(*connection.execute(_ONE, (*self._tenant, file.link)).fetchone())

        return await self._archive.transact(work)

    async def begin(self, file: Wanted, etag: str | None) -> None:
        """Note what is being written, so that another try can tell whether it may go on there."""
        await self._archive.ask(_BEGIN, etag, *self._tenant, file.link)

    async def saved(self, file: Wanted, kept: Kept, differs: str | None) -> None:
        """Note that it is saved, and how it differs from what was announced."""
        path = _path_from(self._archive.path, kept.path)
        await self._archive.ask(_SAVED, differs, path, kept.sha256, kept.bytes, now(), *self._tenant, file.link)

    async def lost(self, file: Wanted, reason: str) -> None:
        """Note that it can't be had any more, and why."""
        await self._archive.ask(_LOST, storable(reason), *self._tenant, file.link)

    async def later(self, link: str, reason: str) -> None:
        """Note why it couldn't be saved for now."""
        await self._archive.ask(_LATER, storable(reason), *self._tenant, link)

    async def defer(self, link: str) -> None:
        """Leave a file to the next run."""
        await self._archive.ask(_DEFER, *self._tenant, link)

    async def take_up_again(self) -> None:
        """Let those be tried again that earlier runs have left."""
        await self._archive.ask(_TAKE_UP_AGAIN, *self._tenant)

    async def elsewhere(self, file: Wanted) -> list[tuple[str, int]]:
        """Return other instances and logs with a link to the file, those whose link lives longest first; some."""
        return await self._archive.ask(_ELSEWHERE, *self._tenant, file.link, file.link, file.instance_id)

    def identity(self, file: Wanted) -> str:
        """Return what tells this archive's try to save the file from any other's."""
        return "\0".join((str(self._archive.path), *self._tenant, file.link))

    async def waiting(self) -> tuple[int, str | None]:
        """Return how many files wait, and when the first of their links dies."""
        ((number, deadline),) = await self._archive.ask(_WAITING, *self._tenant)
        return number, deadline

    async def witness(self) -> str | None:
        """Return the link of a file that was saved before, None without any."""
        rows = await self._archive.ask(_WITNESS, *self._tenant)
        return rows[0][0] if rows else None

    async def witness_instance(self) -> str | None:
        """Return an instance that the API has answered for, and that no file waits for in vain; None without any."""
        rows = await self._archive.ask(_WITNESS_INSTANCE, *self._tenant, *self._tenant)
        return rows[0][0] if rows else None

    async def counts(self) -> FileCounts:
        """Return how the tenant's files stand."""
        return await count_files(self._archive, *self._tenant)


async def count_files(archive: Archive, system: str | None = None, tenant: str | None = None) -> FileCounts:
    """Return how the files stand, of one tenant or of all."""
    states = {state: row for state, *row in await archive.ask(_COUNT, system, system, tenant)}
    saved, size, _, differing = states.get("saved", (0, 0, None, 0))
    waiting, _, deadline, _ = states.get("pending", (0, 0, None, 0))
    deferred, *_ = states.get("deferred", (0,))
    lost, *_ = states.get("lost", (0,))
    return FileCounts(
        saved=saved, bytes=size, differing=differing, waiting=waiting + deferred, lost=lost, next_deadline=deadline
    )


async def retry_lost(archive: Archive) -> int:
    """Let the next harvest that saves files try the lost ones again; return how many that are."""
    return await archive.transact(lambda connection: connection.execute(_RETRY).rowcount)


async def list_files(archive: Archive, most: int | None = None) -> list[File]:
    """Return the places that link to files, or the first so many: what is lost first, what waits, what is saved."""
    rows = await archive.ask(_LIST, -1 if most is None else most)
    found = [File(*row) for row in rows]
    return [attrs.evolve(file, path=file.path and str(archive.path.parent / file.path)) for file in found]


async def verify_files(archive: Archive) -> AsyncIterator[Damage]:
    """Yield each saved file that isn't as it was saved; all are read, and nothing is changed."""
    async for names, rows in archive.read("files"):
        for row in rows:
            file = dict(zip(names, row, strict=True))
            if file["state"] == "saved":
                path = archive.path.parent / file["path"]
                found = await asyncio.to_thread(hash_of, path)
                if found != file["sha256"]:
                    what = {None: "it isn't there", "": "it can't be read"}.get(found, "its content is another one")
                    yield Damage(file["system"], file["tenant"], file["instance_id"], str(path), what)


def _path_from(archive: Path, path: Path) -> str:
    """Return the path as it is stored: from the archive's folder on, so that both can be moved together."""
    return (path.relative_to(archive.parent) if path.is_relative_to(archive.parent) else path).as_posix()


def is_dying(file: Wanted, margin: float) -> bool:
    """Return whether its link dies within so many seconds, or is dead."""
    if file.expires_at is None:
        return False
    return datetime.fromisoformat(file.expires_at).timestamp() < time.time() + margin
