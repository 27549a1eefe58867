"""The archive: one SQLite file, the only truth of a harvest."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import attrs

from ..errors import ConfigError, HarvestError
from ..redact import redact_url
from .database import connect, disconnect, explain, open_reader
from .schema import TABLES
from .writer import Writer

T = TypeVar("T")

_ORDER = {
    "instances": "1, 2, 3",
    "logs": "1, 2, 3, 4",
    "tasks": "1, 2, 3, 4",
    "nodes": "1, 2, 3, 4",
    "attachments": "1, 2, 3, 4, 5",
    "links": "1, 2, 3, 4, 5",
    "files": "1, 2, 3",
    "events": "1, 2, 3, 4",
}
"""What `Archive.read` can be asked for, and by which columns it is ordered: equal archives read alike."""

_CHUNK = 1000


@attrs.frozen(kw_only=True)
class Counts:
    """What an archive holds: instances by state, and rows."""

    pending: int
    partial: int
    done: int
    failed: int
    logs: int
    tasks: int
    nodes: int
    attachments: int


@attrs.frozen(kw_only=True)
class Failure:
    """An instance that couldn't be harvested, and why."""

    system: str
    tenant: str
    id: str
    error: str


class Archive:
    """Instances and their rows, in a file that can be queried with any SQLite tool.

    Use it as ``async with Archive.open(path) as archive``. It may be killed at any moment: what a
    call reported as stored is stored, and nothing is stored in part. Every method raises
    `HarvestError` if the file can't be read or written.
    """

    def __init__(self, path: Path, *, create: bool) -> None:
        self.path: Path = path
        self._create = create
        self._writer: Writer | None = None
        self._place: tuple[int, int] | None = None

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, create: bool = True) -> Self:
        """Return the archive at the path. On entering it is opened, or created with mode 0600.

        With ``create=False`` it is opened for reading only. Entering raises HarvestError if the
        file isn't an archive or is one of another version, or if there is none to read.
        """
        if "://" in os.fspath(path):
            raise HarvestError(f"{redact_url(os.fspath(path))}: an archive is a SQLite file; pass a path, not a URL")
        try:
            return cls(Path(path).absolute(), create=create)
        except OSError as error:
            raise HarvestError(f"{path}: the current folder isn't there any more ({error.strerror})") from None

    async def __aenter__(self) -> Self:
        if self._create:
            self._writer = Writer(self.path, self._connect, disconnect)
        else:
            self._writer = Writer(self.path, lambda: connect(self.path, create=False), begin="BEGIN")
        try:
            await self.transact(lambda _: None)
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._close()

    async def transact(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Return what the work returns, once all that it has written is stored. If it raises, nothing of it is.

        It is called in another thread, and must be no longer than need be: everybody waits for it.
        """
        if self._writer is None:
            raise HarvestError(f"{self.path}: not open; use it as `async with Archive.open(...) as archive`")
        try:
            return await self._writer.run(work)
        except sqlite3.Error as error:
            raise HarvestError(f"{self.path}: {explain(error, self.path)}") from error

    async def check_place(self) -> None:
        """Raise HarvestError if the file isn't at its path any more: what is stored now would be lost with it."""
        try:
            place = await asyncio.to_thread(_place_of, self.path)
        except FileNotFoundError:
            place = None
        except OSError:  # it can't be told now
            return
        if place != self._place:
            raise HarvestError(
                f"{self.path}: was deleted, moved or replaced while it was open; what was stored is in the file that "
                "was there: put that back and run the same command again"
            )

    async def ask(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Return the rows of one query."""
        return await self.transact(lambda connection: connection.execute(query, parameters).fetchall())

    async def counts(self) -> Counts:
        """Return what the archive holds."""

        def work(connection: sqlite3.Connection) -> Counts:
            states = dict(connection.execute("SELECT state, count(*) FROM instances GROUP BY state").fetchall())
            rows = {name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in TABLES.values()}
            rows["attachments"] = rows.pop("links")
            return Counts(**{state: states.get(state, 0) for state in ("pending", "partial", "done", "failed")}, **rows)

        return await self.transact(work)

    async def done(self) -> int:
        """Return how many instances are done."""
        ((number,),) = await self.ask("SELECT count(*) FROM instances WHERE state = 'done'")
        return int(number)

    async def failures(self, most: int | None = None) -> list[Failure]:
        """Return the instances that couldn't be harvested, or the first so many of them."""
        query = "SELECT system, tenant, id, error FROM instances WHERE state = 'failed' ORDER BY rowid LIMIT ?"
        limit = -1 if most is None else most
        rows = await self.ask(query, limit)
        return [Failure(system=system, tenant=tenant, id=id_, error=error) for system, tenant, id_, error in rows]

    async def read(self, table: str) -> AsyncIterator[tuple[tuple[str, ...], list[tuple[Any, ...]]]]:
        """Yield a table's rows in chunks, at least one, each with the names of its columns.

        They come by system, tenant, instance and position, and show the archive as it was when
        reading began. Raises ConfigError for an unknown table.
        """
        if table not in _ORDER:
            raise ConfigError(f"table {table!r}: choose one of {', '.join(_ORDER)}")
        query = f"SELECT * FROM {table} ORDER BY {_ORDER[table]}"
        try:
            reader = await asyncio.to_thread(open_reader, self.path)
            try:
                cursor = await asyncio.to_thread(reader.execute, query)
                names = tuple(column[0] for column in cursor.description)
                chunk = await asyncio.to_thread(cursor.fetchmany, _CHUNK)
                yield names, chunk
                while chunk := await asyncio.to_thread(cursor.fetchmany, _CHUNK):
                    yield names, chunk
            finally:
                reader.close()
        except sqlite3.Error as error:
            raise HarvestError(f"{self.path}: {explain(error, self.path)}") from error

    def _connect(self) -> sqlite3.Connection:
        connection = connect(self.path, create=True)
        self._place = _place_of(self.path)
        return connection

    async def _close(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            await writer.close()


def _place_of(path: Path) -> tuple[int, int]:
    """Return what tells a file from any other that is put at its path."""
    found = path.stat()
    return found.st_dev, found.st_ino
