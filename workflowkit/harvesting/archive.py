"""The archive: one SQLite file, the only truth of a harvest."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from operator import attrgetter
from pathlib import Path
from secrets import token_hex
from types import TracebackType
from typing import Any, Self, TypeVar

import attrs

from ..errors import ConfigError, HarvestError
from ..redact import redact_url
from ..source import InstanceRef, LogRow, Row
from .database import connect, disconnect, explain, now, open_reader, storable
from .schema import TABLES, columns
from .writer import Writer

T = TypeVar("T")

_ORDER = {
    "instances": "1, 2, 3",
    "logs": "1, 2, 3, 4",
    "nodes": "1, 2, 3, 4",
    "attachments": "1, 2, 3, 4, 5",
    "events": "1, 2, 3, 4",
}
"""What `Archive.read` can be asked for, and by which columns it is ordered: equal archives read alike."""

_CHUNK = 1000
_PROCESS = token_hex(4)
_OF_INSTANCE = "system = ? AND tenant = ? AND instance_id = ?"
_TOLD = columns(InstanceRef)
_REMEMBER = f"""
    INSERT INTO instances (system, tenant, {", ".join(_TOLD)}) VALUES (?, ?{", ?" * len(_TOLD)})
    ON CONFLICT DO UPDATE SET {", ".join(f"{name} = coalesce(excluded.{name}, {name})" for name in _TOLD)},
        state = CASE WHEN state = 'done'
            AND (status <> excluded.status OR end_time IS NOT coalesce(excluded.end_time, end_time))
            THEN 'pending' ELSE state END
"""
_QUEUE = """
    INSERT OR IGNORE INTO temp.queue (run, instance, todo)
    SELECT ?, rowid, instr(?, state) = 0 OR (state = 'done' AND instr(coalesce(holds, ''), ?) = 0)
    FROM instances WHERE system = ? AND tenant = ? AND id = ?
"""
_COUNT = """
    SELECT count(*) FILTER (WHERE todo), count(*) FILTER (WHERE NOT todo AND state = 'done'),
        count(*) FILTER (WHERE NOT todo AND state = 'failed')
    FROM temp.queue JOIN instances ON instances.rowid = queue.instance WHERE place > ?
"""
_TAKE = """
    SELECT place, id FROM temp.queue JOIN instances ON instances.rowid = queue.instance
    WHERE run = ? AND place > ? AND todo ORDER BY place LIMIT ?
"""
_DONE = """
    UPDATE instances SET state = 'done', holds = ?, logs = ?, attempts = attempts + 1, error = NULL, harvested_at = ?
    WHERE system = ? AND tenant = ? AND id = ?
"""
_FAILED = """
    UPDATE instances SET state = 'failed', attempts = attempts + 1, error = ?, harvested_at = ?
    WHERE system = ? AND tenant = ? AND id = ?
"""
_LAST_ALIVE = """
    SELECT (julianday(?) - julianday(alive_at)) * 86400 FROM harvests WHERE system = ? AND tenant = ? AND process <> ?
"""
_ALIVE = "INSERT OR REPLACE INTO harvests (system, tenant, process, alive_at) VALUES (?, ?, ?, ?)"
_FIELDS = {row: attrgetter(*columns(row)) for row in (*TABLES, InstanceRef)}
_INSERT = {
    row: f"INSERT INTO {table} (system, tenant, instance_id, {', '.join(columns(row))}) "
    f"VALUES (?, ?, ?{', ?' * len(columns(row))})"
    for row, table in TABLES.items()
}


@attrs.frozen(kw_only=True)
class Counts:
    """What an archive holds: instances by state, and rows."""

    pending: int
    partial: int
    done: int
    failed: int
    logs: int
    nodes: int
    attachments: int


@attrs.frozen(kw_only=True)
class Failure:
    """An instance that couldn't be harvested, and why."""

    system: str
    tenant: str
    id: str
    error: str


@attrs.frozen
class Listed:
    """What became of instances that a run named: queued, or finished by an earlier run."""

    queued: int
    done: int
    failed: int


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

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, create: bool = True) -> Self:
        """Return the archive at the path; on entering it is opened, or created with mode 0600.

        With ``create=False`` it is opened for reading only. Entering raises HarvestError if the
        file isn't an archive or is one of another version, or if there is none to read.
        """
        if "://" in os.fspath(path):
            raise HarvestError(f"{redact_url(os.fspath(path))}: an archive is a SQLite file; pass a path, not a URL")
        return cls(Path(path).absolute(), create=create)

    async def __aenter__(self) -> Self:
        if self._create:
            self._writer = Writer(lambda: connect(self.path, create=True), disconnect)
        else:
            self._writer = Writer(lambda: connect(self.path, create=False), begin="BEGIN")
        try:
            await self._run(lambda _: None)
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._close()

    async def enlist(
        self,
        system: str,
        tenant: str,
        refs: Iterable[InstanceRef],
        *,
        run: int,
        kinds: Sequence[type[Row]] = (),
        retry_failed: bool = False,
    ) -> Listed:
        """Remember instances, and queue those still to do for a run of this process.

        That is an instance which isn't done, or whose status or end has changed since, or which was
        done without one of the kinds of rows. Returns what became of them; one that the run has
        named before is not counted again.
        """
        rows = [(system, tenant, *map(storable, _FIELDS[InstanceRef](ref))) for ref in refs]
        finished = "done" if retry_failed else "done, failed"
        wanted = _tables(kinds)

        def work(connection: sqlite3.Connection) -> Listed:
            connection.executemany(_REMEMBER, rows)
            (last,) = connection.execute("SELECT coalesce(max(place), 0) FROM temp.queue").fetchone()
            connection.executemany(_QUEUE, [(run, finished, wanted, *row[:3]) for row in rows])
            return Listed(*connection.execute(_COUNT, (last,)).fetchone())

        return await self._run(work)

    async def take(self, run: int, *, after: int, most: int) -> list[tuple[int, str]]:
        """Return the run's next instances as (place, id), in the order they were enlisted."""
        return await self._run(lambda connection: connection.execute(_TAKE, (run, after, most)).fetchall())

    async def forget(self, run: int) -> None:
        """Empty a run's queue."""
        await self._run(lambda connection: connection.execute("DELETE FROM temp.queue WHERE run = ?", (run,)))

    async def store(
        self,
        system: str,
        tenant: str,
        instance_id: str,
        rows: Sequence[Row],
        *,
        kinds: Sequence[type[Row]] = tuple(TABLES),
    ) -> None:
        """Store an instance whole: its rows, and that it is done.

        The rows are all there are of these kinds, and take the place of those that were stored.
        """
        key = (system, tenant, instance_id)
        values: dict[type[Row], list[tuple[Any, ...]]] = {kind: [] for kind in kinds}
        for row in rows:
            values[type(row)].append((*key, *map(storable, _FIELDS[type(row)](row))))
        logs = len(values.get(LogRow, ()))

        def work(connection: sqlite3.Connection) -> None:
            for kind in kinds:
                connection.execute(f"DELETE FROM {TABLES[kind]} WHERE {_OF_INSTANCE}", key)
                connection.executemany(_INSERT[kind], values[kind])
            connection.execute(_DONE, (_tables(kinds), logs, now(), *key))

        await self._run(work)

    async def fail(self, system: str, tenant: str, instance_id: str, error: str) -> None:
        """Record that an instance couldn't be harvested, and why."""
        values = (storable(error), now(), system, tenant, instance_id)
        await self._run(lambda connection: connection.execute(_FAILED, values))

    async def beat(self, system: str, tenant: str) -> float | None:
        """Note that this process harvests for the tenant now.

        Returns how many seconds ago another one last did; None if none has, or not since this one has.
        """
        process = f"{os.getpid()}-{_PROCESS}"

        def work(connection: sqlite3.Connection) -> float | None:
            found = connection.execute(_LAST_ALIVE, (now(), system, tenant, process)).fetchone()
            connection.execute(_ALIVE, (system, tenant, process, now()))
            return found[0] if found else None

        return await self._run(work)

    async def counts(self) -> Counts:
        """Return what the archive holds."""

        def work(connection: sqlite3.Connection) -> Counts:
            states = dict(connection.execute("SELECT state, count(*) FROM instances GROUP BY state").fetchall())
            rows = {name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in TABLES.values()}
            return Counts(**{state: states.get(state, 0) for state in ("pending", "partial", "done", "failed")}, **rows)

        return await self._run(work)

    async def failures(self, most: int | None = None) -> list[Failure]:
        """Return the instances that couldn't be harvested, or the first so many of them."""
        query = "SELECT system, tenant, id, error FROM instances WHERE state = 'failed' ORDER BY rowid LIMIT ?"
        limit = -1 if most is None else most
        rows = await self._run(lambda connection: connection.execute(query, (limit,)).fetchall())
        return [Failure(system=system, tenant=tenant, id=id_, error=error) for system, tenant, id_, error in rows]

    async def read(self, table: str) -> AsyncIterator[tuple[tuple[str, ...], list[tuple[Any, ...]]]]:
        """Yield a table's rows in chunks, each with the names of its columns; at least one chunk.

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
            raise HarvestError(f"{self.path}: {explain(error)}") from error

    async def _close(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            await writer.close()

    async def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        if self._writer is None:
            raise HarvestError(f"{self.path}: not open; use it as `async with Archive.open(...) as archive`")
        try:
            return await self._writer.run(work)
        except sqlite3.Error as error:
            raise HarvestError(f"{self.path}: {explain(error)}") from error


def _tables(kinds: Sequence[type[Row]]) -> str:
    """Return the names of the kinds' tables, always in the same order."""
    return ",".join(table for kind, table in TABLES.items() if kind in kinds)
