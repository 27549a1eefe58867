"""The files behind expiring links, for a harvest that saves them: which is next, and what became of each."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import attrs

from ..files import StoredFile
from ..source import AttachmentRow
from .connection import Connection, insert
from .database import Database
from .lock import check_lock
from .values import adapt, adapt_row, now

_NAMES = ("system", "tenant", "link", "url", "expires_at", "size", "name", "mime", "instance_id", "position")
_INSERT = f"INSERT INTO files ({', '.join(_NAMES)})"
_OR_RENEW = f"""
    ON CONFLICT (system, tenant, link) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in _NAMES[3:])}
    WHERE files.state <> 'saved'
"""
_TENANT = "system = ? AND tenant = ?"
_FILES = f"""
    SELECT link, url, expires_at, size, name, mime, instance_id, position, etag, wrong FROM files WHERE {_TENANT}
"""
_NEXT = f"{_FILES} AND state = 'pending' ORDER BY expires_at IS NULL, expires_at LIMIT ?"
_ONE = f"{_FILES} AND link = ?"
_NOTE_ETAG = f"UPDATE files SET etag = ? WHERE {_TENANT} AND link = ?"
_SAVED = f"""
    UPDATE files SET state = 'saved', reason = ?, etag = NULL, path = ?, sha256 = ?, bytes = ?, saved_at = ?
    WHERE {_TENANT} AND link = ?
"""
_LOST = f"UPDATE files SET state = 'lost', reason = ?, etag = NULL WHERE {_TENANT} AND link = ?"
_DEFER = f"UPDATE files SET state = 'deferred' WHERE {_TENANT} AND link = ? AND state = 'pending'"
_DEFER_WRONG = f"""
    UPDATE files SET state = 'deferred', reason = ?, etag = NULL, wrong = wrong + 1 WHERE {_TENANT} AND link = ?
"""
_RETRY_DEFERRED = f"UPDATE files SET state = 'pending' WHERE {_TENANT} AND state = 'deferred'"
_OTHER_PLACES = f"""
    SELECT instance_id, position FROM links
    WHERE {_TENANT} AND link = ? AND instance_id <> ? ORDER BY expires_at IS NULL, expires_at DESC LIMIT 5
"""
_NOTE_REASON = f"UPDATE files SET reason = ? WHERE {_TENANT} AND link = ?"
_PROBE_URL = f"SELECT url FROM files WHERE {_TENANT} AND state = 'saved' LIMIT 1"
_PROBE_INSTANCE = f"""
    SELECT id FROM instances WHERE {_TENANT} AND state = 'done' AND id NOT IN (
        SELECT instance_id FROM files WHERE {_TENANT} AND state = 'pending' AND reason IS NOT NULL
    ) LIMIT 1
"""
_PENDING = f"SELECT count(*), min(expires_at) FROM files WHERE {_TENANT} AND state = 'pending'"


@attrs.frozen
class PendingFile:
    """A file that is to be saved.

    Attributes:
        link: the link without its signature: what tells the file from all others.
        url: the latest link.
        expires_at: when that expires, as UTC text, or None where it doesn't say.
        size: bytes, as the log says.
        name: its original name, as the log says, or None for a signature.
        mime: its media type, as the log says.
        instance_id: where the link was read.
        position: of the log there.
        etag: the host's, of what an earlier try has left.
        wrong: in how many runs the host has sent something else than was announced.
    """

    link: str
    url: str = attrs.field(repr=False)
    expires_at: str | None
    size: int | None
    name: str | None
    mime: str | None
    instance_id: str
    position: int
    etag: str | None
    wrong: int

    def expires_within(self, seconds: float) -> bool:
        """Return whether its link expires within so many seconds, or has expired."""
        if self.expires_at is None:
            return False
        return datetime.fromisoformat(self.expires_at).timestamp() < time.time() + seconds


def store_links(connection: Connection, key: Sequence[str], rows: Iterable[AttachmentRow]) -> None:
    """Store what the links of an instance lead to. Of what isn't saved yet, the latest link replaces others."""
    system, tenant, instance_id = key
    found: dict[str, list[object]] = {}
    for row in rows:
        link, *values = adapt_row((row.link, row.url, row.expires_at, row.size, row.name, row.mime))
        found[link] = [system, tenant, link, *values, instance_id, row.position]
    insert(connection, _INSERT, list(found.values()), _OR_RENEW)


class Files:
    """The files that one tenant's links lead to. Every method raises `HarvestError` if the archive can't be used."""

    def __init__(self, database: Database, system: str, tenant: str) -> None:
        self._database = database
        self._tenant = (system, tenant)

    async def claim(self, most: int, *, without: Collection[str]) -> list[PendingFile]:
        """Return up to so many files that are to be saved, but for some: those whose links expire first."""
        rows = await self._database.select(_NEXT, *self._tenant, most + len(without))
        return [file for row in rows if (file := PendingFile(*row)).link not in without][:most]

    async def renew(self, file: PendingFile, instance_id: str, rows: Sequence[AttachmentRow]) -> PendingFile:
        """Take in an instance's links as they are now, and return the file with its latest one."""

        def work(connection: Connection) -> PendingFile:
            check_lock(connection)
            store_links(connection, (*self._tenant, instance_id), rows)
            return PendingFile(*connection.execute(_ONE, (*self._tenant, file.link)).fetchone())

        return await self._database.transact(work)

    async def note_etag(self, file: PendingFile, etag: str | None) -> None:
        """Note what is being written, so that another try can tell whether it may continue there."""
        await self._write(_NOTE_ETAG, etag, *self._tenant, file.link)

    async def mark_saved(self, file: PendingFile, stored: StoredFile, differs: str | None) -> None:
        """Note that it is saved, and how it differs from what was announced."""
        path = _path_from(self._database.path, stored.path)
        await self._write(_SAVED, differs, path, stored.sha256, stored.bytes, now(), *self._tenant, file.link)

    async def mark_lost(self, file: PendingFile, reason: str) -> None:
        """Note that it can't be had any more, and why."""
        await self._write(_LOST, adapt(reason), *self._tenant, file.link)

    async def note_reason(self, link: str, reason: str) -> None:
        """Note why it couldn't be saved for now."""
        await self._write(_NOTE_REASON, adapt(reason), *self._tenant, link)

    async def defer(self, link: str) -> None:
        """Leave a file to the next run."""
        await self._write(_DEFER, *self._tenant, link)

    async def defer_wrong(self, link: str, reason: str) -> None:
        """Leave a file to the next run, since the host has sent something else."""
        await self._write(_DEFER_WRONG, adapt(reason), *self._tenant, link)

    async def retry_deferred(self) -> None:
        """Let those be tried again that earlier runs have left."""
        await self._write(_RETRY_DEFERRED, *self._tenant)

    async def other_places(self, file: PendingFile) -> list[tuple[str, int]]:
        """Return up to five other instances and logs with a link to the file, the one that expires last first."""
        return await self._database.select(_OTHER_PLACES, *self._tenant, file.link, file.instance_id)

    def identity(self, file: PendingFile) -> str:
        """Return what tells this archive's try to save the file from any other's."""
        return "\0".join((str(self._database.path), *self._tenant, file.link))

    async def count_pending(self) -> tuple[int, str | None]:
        """Return how many files wait, and when the first of their links expires."""
        ((number, deadline),) = await self._database.select(_PENDING, *self._tenant)
        return number, deadline

    async def probe_url(self) -> str | None:
        """Return the link of a file that was saved before, None without any."""
        rows = await self._database.select(_PROBE_URL, *self._tenant)
        return rows[0][0] if rows else None

    async def probe_instance(self) -> str | None:
        """Return an instance that the API has answered for, and that no file waits for in vain, or None without any."""
        rows = await self._database.select(_PROBE_INSTANCE, *self._tenant, *self._tenant)
        return rows[0][0] if rows else None

    async def _write(self, statement: str, *parameters: Any) -> None:
        def work(connection: Connection) -> None:
            check_lock(connection)
            connection.execute(statement, parameters)

        await self._database.transact(work)


def _path_from(archive: Path, path: Path) -> str:
    """Return the path as it is stored: from the archive's folder on, so that both can be moved together."""
    return (path.relative_to(archive.parent) if path.is_relative_to(archive.parent) else path).as_posix()
