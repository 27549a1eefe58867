"""The database of one archive: work in transactions on the writer's thread, and rows that are read beside it."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncGenerator, Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from ..errors import HarvestError
from .connection import Connection
from .sqlite import connect, disconnect, explain, open_reader, patiently
from .writer import Writer

T = TypeVar("T")

Rows: TypeAlias = tuple[tuple[str, ...], list[tuple[Any, ...]]]
"""Some rows, with the names of their columns."""

_CHUNK = 1000


class _Reader:
    """A connection for one query. Whoever is cancelled leaves a thread behind that still reads, so closing waits."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._using = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._is_closed = False

    def execute(self, query: str, parameters: Sequence[Any]) -> tuple[str, ...]:
        """Open the file and begin the query. Return the names of its columns."""
        with self._using:
            if self._is_closed:
                return ()
            self._connection = open_reader(self._path)
            self._cursor = self._connection.execute(query, parameters)
            return tuple(column[0] for column in self._cursor.description)

    def fetch(self) -> list[tuple[Any, ...]]:
        """Return the next rows, none at the end."""
        with self._using:
            return [] if self._is_closed else self._cursor.fetchmany(_CHUNK)

    def close(self) -> None:
        """End what is still being read, and close the connection."""
        self._is_closed = True
        if self._connection is not None:
            self._connection.interrupt()
        with self._using:
            if self._connection is not None:
                self._connection.close()


class Database:
    """A SQLite file. Every method raises `HarvestError` if the file can't be read or written."""

    def __init__(self, path: Path, *, create: bool) -> None:
        self.path: Path = path
        self._create = create
        self._writer: Writer[sqlite3.Connection] | None = None
        self._inode: tuple[int, int] | None = None

    async def open(self) -> None:
        """Open the file, or create it. It isn't open if this raises."""
        self._writer = Writer(self._connect, self._begin, disconnect if self._create else sqlite3.Connection.close)
        try:
            await self.transact(lambda _: None)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Finish what was called so far, then close the file."""
        writer, self._writer = self._writer, None
        if writer is not None:
            await writer.close()

    async def transact(self, work: Callable[[Connection], T]) -> T:
        """Return what the work returns, once all that it has written is stored. If it raises, nothing of it is.

        It is called in another thread, and must be no longer than need be: everybody waits for it.
        """
        if self._writer is None:
            raise HarvestError(f"{self.path}: not open; use it as `async with Archive.open(...) as archive`")
        try:
            return await self._writer.call(work)
        except sqlite3.Error as error:
            raise HarvestError(f"{self.path}: {explain(error, self.path)}") from error

    async def select(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Return the rows of one query."""
        return await self.transact(lambda connection: connection.execute(query, parameters).fetchall())

    async def read(self, query: str, *parameters: Any) -> AsyncGenerator[Rows]:
        """Yield a query's rows in chunks, at least one, each with the names of its columns.

        They show the archive as it was when reading began.
        """
        try:
            reader = _Reader(self.path)
            try:
                names = await asyncio.to_thread(reader.execute, query, parameters)
                yield names, await asyncio.to_thread(reader.fetch)
                while chunk := await asyncio.to_thread(reader.fetch):
                    yield names, chunk
            finally:
                await asyncio.to_thread(reader.close)
        except sqlite3.Error as error:
            raise HarvestError(f"{self.path}: {explain(error, self.path)}") from error

    async def damage(self) -> list[str]:
        """Return what the database finds wrong with its own file."""
        return [text for (text,) in await self.select("PRAGMA integrity_check") if text != "ok"]

    async def check_place(self) -> None:
        """Raise HarvestError if the file isn't at its path any more: what is stored now would be lost with it."""
        try:
            inode = await asyncio.to_thread(_inode_of, self.path)
        except FileNotFoundError:
            inode = None
        except OSError:  # it can't be told now
            return
        if inode != self._inode:
            raise HarvestError(
                f"{self.path}: was deleted, moved or replaced while it was open; what was stored is in the file that "
                "was there: put that back and run the same command again"
            )

    def _connect(self) -> sqlite3.Connection:
        connection = connect(self.path, create=self._create)
        self._inode = _inode_of(self.path)
        return connection

    def _begin(self, connection: sqlite3.Connection, is_over: Callable[[], bool]) -> None:
        """Begin a transaction, once no other program holds a lock."""
        statement = "BEGIN IMMEDIATE" if self._create else "BEGIN"
        patiently(self.path, lambda: connection.execute(statement), is_over=is_over)


def _inode_of(path: Path) -> tuple[int, int]:
    """Return what tells a file from any other that is put at its path."""
    found = path.stat()
    return found.st_dev, found.st_ino
