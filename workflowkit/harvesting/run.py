"""One source's run, as the archive remembers it: what was named, what is to do, how far the listing came.

What a listing names is stored together with the place where it continues, and a page of an instance
together with the place where that continues. So whenever the process is killed, the next run of the
source finds both where they were.
"""

from __future__ import annotations

import sqlite3
import sys
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from operator import attrgetter
from typing import Any, Self

import attrs

from ..source import AttachmentRow, Batch, Chunk, InstanceRef, LogRow, Row, Source
from .archive import Archive
from .database import adapt, insert, now, stored
from .links import remember
from .lock import check_lock, has_lock, take_lock, this_process
from .schema import TABLES, columns

_INSTANCE = "system = ? AND tenant = ? AND id = ?"
_SOURCE = "system = ? AND tenant = ? AND source = ?"
_TOLD = columns(InstanceRef)
_FIELDS: dict[type[Any], Callable[[Any], Any]] = {row: attrgetter(*columns(row)) for row in (*TABLES, InstanceRef)}
_INSERT = {
    row: f"INSERT INTO {table} (system, tenant, instance_id, {', '.join(columns(row))})"
    for row, table in TABLES.items()
}
_DELETE = {
    row: f"DELETE FROM {table} WHERE system = ? AND tenant = ? AND instance_id = ? AND position >= ?"
    for row, table in TABLES.items()
}
_UNFINISHED = f"""
    SELECT run, since_run, began_at, cursor, listed, named, failed FROM harvests
    WHERE {_SOURCE} AND ended_at IS NULL AND options = ?
"""
_NEXT_NUMBER = "SELECT coalesce(max(run), 0) + 1 FROM harvests"
_QUEUED = "SELECT count(*) FROM instances WHERE run = ?"
_BEGIN = f"""
    INSERT INTO harvests (system, tenant, source, options, run, since_run, began_at, cursor, listed, named, failed,
        process, alive_at) VALUES ({", ".join("?" * 13)})
    ON CONFLICT DO UPDATE SET options = excluded.options, run = excluded.run, since_run = excluded.since_run,
        began_at = excluded.began_at, ended_at = NULL, cursor = excluded.cursor, listed = excluded.listed,
        named = excluded.named, failed = excluded.failed, process = excluded.process, alive_at = excluded.alive_at
"""
_KNOWN = f"""
    SELECT run, state, holds, is_open, status, end_time, named_by, harvested_by, requests / max(1, attempts)
    FROM instances WHERE {_INSTANCE}
"""
_REMEMBER = f"""
    INSERT INTO instances (system, tenant, {", ".join(_TOLD)}, named_by) VALUES (?, ?{", ?" * len(_TOLD)}, ?)
    ON CONFLICT DO UPDATE SET {", ".join(f"{name} = coalesce(excluded.{name}, {name})" for name in _TOLD)},
        named_by = excluded.named_by
    RETURNING rowid
"""
_QUEUE = "UPDATE instances SET run = ?, state = CASE WHEN ? THEN 'pending' ELSE state END WHERE rowid = ?"
_LISTED = f"UPDATE harvests SET cursor = ?, listed = ?, named = named + ?, failed = failed + ? WHERE {_SOURCE}"
_TAKE = """
    SELECT id, CASE WHEN state = 'partial' AND holds = ? THEN cursor END FROM instances WHERE run = ? LIMIT ?
"""
_LAST_LOG = "SELECT raw FROM logs WHERE system = ? AND tenant = ? AND instance_id = ? AND position = ?"
_STORED = f"""
    UPDATE instances SET state = 'partial', cursor = ?, holds = ?, logs = coalesce(?, logs), requests = requests + ?
    WHERE {_INSTANCE}
"""
_DONE = f"""
    UPDATE instances SET state = 'done', cursor = NULL, holds = ?, logs = coalesce(?, logs), requests = requests + ?,
        error = NULL, run = NULL, attempts = attempts + 1, harvested_at = ?, harvested_by = ? WHERE {_INSTANCE}
"""
_FAILED = f"""
    UPDATE instances SET state = 'failed', error = ?, requests = requests + ?,
        run = NULL, attempts = attempts + 1, harvested_at = ?, harvested_by = ? WHERE {_INSTANCE}
"""
_KEEP_UNREAD = """
    INSERT INTO unread (system, tenant, instance_id, read_at, raw) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET read_at = excluded.read_at, raw = excluded.raw
"""
_FORGET_UNREAD = "DELETE FROM unread WHERE system = ? AND tenant = ? AND instance_id = ?"
_FAILED_TOO = f"UPDATE harvests SET failed = failed + 1 WHERE {_SOURCE}"
_END = f"UPDATE harvests SET ended_at = ?, cursor = NULL WHERE {_SOURCE}"
_ALIVE = f"UPDATE harvests SET alive_at = ? WHERE {_SOURCE} AND process = ?"
_TAKEN_FROM = "UPDATE harvests SET cursor = NULL, listed = FALSE WHERE run = ?"
"""A run that is continued without all it had to do lists from the beginning, and so finds the rest."""

_PROBE = "SELECT id FROM instances WHERE system = ? AND tenant = ? AND state = 'done' AND holds = ? LIMIT 1"
_MEASURED = """
    SELECT sum(requests) * 1.0 / sum(attempts), count(*) FROM instances
    WHERE system = ? AND tenant = ? AND state = 'done' AND requests > 0 AND holds = ?
"""


@attrs.define
class Together:
    """The runs of one harvest.

    Attributes:
        new: numbers of those that continue none: what one of them has harvested is new to the others as well.
        has_lock: whether one of them has taken the lock.
    """

    new: list[int] = attrs.Factory(list)
    has_lock: bool = False


@attrs.frozen
class Enqueued:
    """How many listed instances are queued, done or failed. `saved` counts the requests that this has saved."""

    queued: int = 0
    done: int = 0
    failed: int = 0
    saved: int = attrs.field(default=0, eq=False)


@attrs.frozen
class Job:
    """An instance to harvest, and the cursor to continue from."""

    id: str
    cursor: int | None


@attrs.frozen
class _Known:
    """What the archive knows of an instance."""

    run: int | None = None
    state: str = "pending"
    holds: str | None = None
    is_open: int | None = None
    status: str | None = None
    end_time: str | None = None
    named_by: int | None = None
    harvested_by: int | None = None
    requests: int = 0

    def is_outdated(self, ref: InstanceRef) -> bool:
        """Return whether its status or its end was another one when it was done."""
        other_status = None not in (self.status, ref.status) and adapt(ref.status) != self.status
        other_end = ref.end_time is not None and adapt(ref.end_time) != self.end_time
        return self.state in ("done", "failed") and (other_status or other_end)


_UNKNOWN = _Known()


class Run:
    """What is to do for one source. Every method raises `HarvestError` if the archive can't be written.

    Attributes:
        named: what a run that this one continues has named already.
        cursor: where the listing continues. None is the beginning.
        listed: whether it has come to its end.
        began_at: when it began, as UTC text. For a run that continues another, when that one began.
    """

    def __init__(
        self,
        archive: Archive,
        source: Source,
        *,
        refresh: bool,
        retry_failed: bool,
        together: Together | None = None,
    ) -> None:
        self._archive = archive
        self._key = (source.system, source.tenant)
        self._source = (*self._key, source.name)
        self._resumable = source.resumable
        self._wanted = _tables(source.kinds)
        self._refresh = refresh
        self._retry_failed = retry_failed
        self._together = together or Together()
        self._number = 0
        self._since = sys.maxsize
        self.named: Enqueued = Enqueued()
        self.cursor: str | None = None
        self.listed: bool = False
        self.began_at: str = now()

    async def begin(self) -> Self:
        """Begin, or continue a run of the same source and options that hasn't come to its end."""
        chosen = {"refresh": self._refresh, "retry-failed": self._retry_failed}
        options = ",".join((self._wanted, *(name for name, wanted in chosen.items() if wanted)))

        def work(connection: sqlite3.Connection) -> None:
            if self._together.has_lock:
                check_lock(connection)
            (number,) = connection.execute(_NEXT_NUMBER).fetchone()
            unfinished = connection.execute(_UNFINISHED, (*self._source, options)).fetchone()
            new = (number, min([number, *self._together.new]), now(), None, False, 0, 0)
            begun, since, began_at, cursor, listed, named, failed = unfinished or new
            self._since, self.began_at = since, began_at
            if self._resumable and (listed or cursor is not None):
                self._number, self.cursor, self.listed = begun, cursor, bool(listed)
                (queued,) = connection.execute(_QUEUED, (begun,)).fetchone()
                mean, _ = connection.execute(_MEASURED, (*self._key, self._wanted)).fetchone()
                done = named - queued - failed
                self.named = Enqueued(queued, done, failed, saved=round(done * (mean or 0)))
            else:
                self._number, named, failed = number, 0, 0
            if self._number == number:
                self._together.new.append(number)
            numbers = (self._number, self._since)
            state = (self.began_at, self.cursor, self.listed, named, failed, this_process(), now())
            connection.execute(_BEGIN, (*self._source, options, *numbers, *state))
            if not self._together.has_lock:
                take_lock(connection)

        await self._archive.transact(work)
        self._together.has_lock = True
        return self

    async def enqueue(self, chunk: Chunk, *, last: bool = False) -> Enqueued:
        """Remember instances and where their listing continues. Return what is to become of them.

        An instance is queued if it is not done, or if its status or end time has changed. It is also queued if it
        was open when it was last read, before this run, or if rows of a wanted kind are missing. An instance
        that this run has listed before isn't counted again.
        """
        rows = [(*self._key, *stored(_FIELDS[InstanceRef](ref)), self._number) for ref in chunk.refs]

        def work(connection: sqlite3.Connection) -> Enqueued:
            check_lock(connection)
            found = Counter[str]()
            saved = 0
            others: set[int] = set()
            for ref, row in zip(chunk.refs, rows, strict=True):
                known = self._known(connection, ref)
                done_before_a_kill = self.cursor is not None and self._has_done(known) and not known.is_outdated(ref)
                if known.run == self._number or done_before_a_kill:
                    continue  # and what it has been told stays: it may have been read before it changed
                (place,) = connection.execute(_REMEMBER, row).fetchone()
                if known.named_by == self._number and not known.is_outdated(ref):
                    continue
                if known.run is not None:
                    others.add(known.run)
                fate = self._decide(known, ref)
                found[fate] += 1
                if fate == "queued":
                    connection.execute(_QUEUE, (self._number, known.is_outdated(ref), place))
                else:
                    saved += known.requests
            connection.executemany(_TAKEN_FROM, [(other,) for other in others])
            state = (chunk.cursor, last, found.total(), found["failed"])
            connection.execute(_LISTED, (*state, *self._source))
            return Enqueued(**found, saved=saved)

        named = await self._archive.transact(work)
        self.cursor, self.listed = chunk.cursor, last
        return named

    async def preview(self, refs: Sequence[InstanceRef]) -> Enqueued:
        """Return what would become of instances if they were listed. Nothing is stored."""

        def work(connection: sqlite3.Connection) -> Enqueued:
            return Enqueued(**Counter(self._decide(self._known(connection, ref), ref) for ref in refs))

        return await self._archive.transact(work)

    async def probe_id(self) -> str | None:
        """Return an instance for which the service has answered before, None without any."""
        rows = await self._archive.ask(_PROBE, *self._key, self._wanted)
        return rows[0][0] if rows else None

    async def measured(self) -> tuple[float | None, int]:
        """Return the mean of requests for an instance so far, None without any, and of how many it is."""
        ((mean, number),) = await self._archive.ask(_MEASURED, *self._key, self._wanted)
        return mean, number

    def _known(self, connection: sqlite3.Connection, ref: InstanceRef) -> _Known:
        row = connection.execute(_KNOWN, (*self._key, adapt(ref.id))).fetchone()
        return _Known(*row) if row else _UNKNOWN

    def _decide(self, known: _Known, ref: InstanceRef) -> str:
        """Return ``queued`` for an instance that is to do, else how it has ended."""
        if known.state == "failed" and not known.is_outdated(ref):
            return "queued" if self._retry_failed and not self._has_done(known) else "failed"
        missing = set(self._wanted.split(",")) - {"", *(known.holds or "").split(",")}
        again = self._refresh or (self._wanted and (known.is_open or ref.is_open))
        to_do = known.state != "done" or known.is_outdated(ref) or missing or (again and not self._has_done(known))
        return "queued" if to_do else "done"

    def _has_done(self, known: _Known) -> bool:
        """Return whether it was harvested since the run began, or the one that it continues. No clock is asked."""
        return known.harvested_by is not None and known.harvested_by >= self._since

    async def claim(self, most: int, *, without: Collection[str]) -> list[Job]:
        """Return up to so many instances that are to do, but for some."""
        rows = await self._archive.ask(_TAKE, self._wanted, self._number, most + len(without))
        return [Job(id_, cursor) for id_, cursor in rows if id_ not in without]

    async def stored_log(self, instance_id: str, position: int) -> str | None:
        """Return the raw text of one log that is stored, or None if it isn't."""
        rows = await self._archive.ask(_LAST_LOG, *self._key, instance_id, position)
        return rows[0][0] if rows else None

    async def store(self, job: Job, batch: Batch) -> None:
        """Store a batch of an instance and where that continues: with the last one, that it is done.

        The rows take the place of those that were stored of these kinds, from the batch's first position on.
        """
        key = (*self._key, job.id)
        values: dict[type[Row], list[list[Any]]] = {kind: [] for kind in batch.kinds}
        for row in batch.rows:
            kind = type(row)
            values[kind].append([*key, *stored(_FIELDS[kind](row))])
        logs = batch.first + len(values[LogRow]) if LogRow in values else None

        told = (self._wanted, logs, batch.requests)
        is_last = batch.cursor is None
        statement, state = (_DONE, (*told, now(), self._number)) if is_last else (_STORED, (batch.cursor, *told))

        def work(connection: sqlite3.Connection) -> None:
            check_lock(connection)
            if is_last:
                connection.execute(_FORGET_UNREAD, key)
            # Of what nothing is stored yet, nothing need be deleted. Another source may have stored it meanwhile.
            is_first = connection.execute(f"{statement} AND holds IS NULL", (*state, *key)).rowcount
            if not is_first:
                connection.execute(statement, (*state, *key))
            for kind, rows in values.items():
                if not is_first:
                    connection.execute(_DELETE[kind], (*key, batch.first))
                insert(connection, _INSERT[kind], rows)
            remember(connection, key, (row for row in batch.rows if isinstance(row, AttachmentRow)))

        await self._archive.transact(work)

    async def fail(self, instance_id: str, error: str, *, requests: int = 0, body: bytes | None = None) -> None:
        """Record that an instance couldn't be harvested, and why. Keep the response that couldn't be decoded."""

        def work(connection: sqlite3.Connection) -> None:
            check_lock(connection)
            key = (*self._key, instance_id)
            connection.execute(_FAILED, (adapt(error), requests, now(), self._number, *key))
            connection.execute(_FAILED_TOO, self._source)
            if body is not None:
                connection.execute(_KEEP_UNREAD, (*key, now(), adapt(body)))

        await self._archive.transact(work)

    async def heartbeat(self) -> bool:
        """Note that this process is at it. Return whether it still is, and no other has taken over."""
        values = (now(), *self._source, this_process())

        def work(connection: sqlite3.Connection) -> bool:
            return has_lock(connection) and connection.execute(_ALIVE, values).rowcount == 1

        return await self._archive.transact(work)

    async def end(self) -> None:
        """Note that all is done."""

        def work(connection: sqlite3.Connection) -> None:
            check_lock(connection)
            connection.execute(_END, (now(), *self._source))

        await self._archive.transact(work)


def _tables(kinds: Sequence[type[Row]]) -> str:
    """Return the names of the kinds' tables, always in the same order."""
    return ",".join(table for kind, table in TABLES.items() if kind in kinds)
