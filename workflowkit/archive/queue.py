"""One source's instances to harvest, and how far its run came.

Listed instances are stored together with the place where the listing continues, and a page of an instance
together with the place where that continues. So whenever the process is killed, the next run of the
source finds both where they were.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from operator import attrgetter
from typing import Any, Self

import attrs

from ..source import AttachmentRow, Batch, Chunk, InstanceRef, LogRow, Row, Source
from .connection import Connection, insert
from .content import store_content
from .database import Database
from .files import store_links
from .listed import Decide, Enqueued, Known
from .lock import check_lock, take_lock, this_process
from .tables import TABLE_OF, columns, tables_of
from .values import adapt, adapt_row, now

_INSTANCE = "system = ? AND tenant = ? AND id = ?"
_SOURCE = "system = ? AND tenant = ? AND source = ?"
_REF_FIELDS = columns(InstanceRef)
_FIELDS: dict[type[Any], Callable[[Any], Any]] = {row: attrgetter(*columns(row)) for row in (*TABLE_OF, InstanceRef)}
_INSERT = {
    row: f"INSERT INTO {table} (system, tenant, instance_id, {', '.join(columns(row))})"
    for row, table in TABLE_OF.items()
}
_DELETE = {
    row: f"DELETE FROM {table} WHERE system = ? AND tenant = ? AND instance_id = ? AND position >= ?"
    for row, table in TABLE_OF.items()
}
_UNFINISHED = f"""
    SELECT run, since_run, began_at, cursor, listed, instances, failed, without_instance FROM harvests
    WHERE {_SOURCE} AND ended_at IS NULL AND options = ?
"""
_NEXT_NUMBER = "SELECT coalesce(max(run), 0) + 1 FROM harvests"
_QUEUED = "SELECT count(*) FROM instances WHERE run = ?"
_BEGIN = f"""
    INSERT INTO harvests (system, tenant, source, options, run, since_run, began_at, cursor, listed, instances, failed,
        without_instance, process, alive_at) VALUES ({", ".join("?" * 14)})
    ON CONFLICT (system, tenant, source) DO UPDATE SET options = excluded.options, run = excluded.run,
        since_run = excluded.since_run, began_at = excluded.began_at, ended_at = NULL, cursor = excluded.cursor,
        listed = excluded.listed, instances = excluded.instances, failed = excluded.failed,
        without_instance = excluded.without_instance, process = excluded.process, alive_at = excluded.alive_at
"""
_KNOWN = f"""
    SELECT run, state, stored_tables, is_open, status, end_time, listed_by,
        CASE WHEN attempts > 0 THEN requests / attempts ELSE requests END,
        CASE WHEN harvested_by >= ? THEN TRUE ELSE FALSE END
    FROM instances WHERE {_INSTANCE}
"""
_STORE_REF = f"""
    INSERT INTO instances (system, tenant, {", ".join(_REF_FIELDS)}, listed_by, form_name)
    VALUES (?, ?{", ?" * len(_REF_FIELDS)}, ?,
        (SELECT name FROM forms WHERE system = ? AND tenant = ? AND app_id = ? AND form_id = ?))
    ON CONFLICT (system, tenant, id) DO UPDATE SET
        {", ".join(f"{name} = coalesce(excluded.{name}, instances.{name})" for name in _REF_FIELDS[1:])},
        listed_by = excluded.listed_by, form_name = coalesce(excluded.form_name, instances.form_name)
"""
_QUEUE = f"""
    UPDATE instances SET run = ?, state = CASE WHEN ? THEN 'pending' ELSE state END WHERE {_INSTANCE}
"""
_LISTED = f"""
    UPDATE harvests SET cursor = ?, listed = ?, instances = instances + ?, failed = failed + ?,
        without_instance = without_instance + ? WHERE {_SOURCE}
"""
_COUNT_AGAIN = f"UPDATE harvests SET cursor = NULL, without_instance = 0 WHERE {_SOURCE}"
_CLAIM = """
    SELECT id, CASE WHEN state = 'partial' AND stored_tables = ? THEN cursor END FROM instances WHERE run = ? LIMIT ?
"""
_LAST_LOG = "SELECT raw FROM logs WHERE system = ? AND tenant = ? AND instance_id = ? AND position = ?"
_STORED = f"""
    UPDATE instances SET state = 'partial', cursor = ?, stored_tables = ?, logs = coalesce(?, logs),
        requests = requests + ?
    WHERE {_INSTANCE} AND run = ?
"""
_DONE = f"""
    UPDATE instances SET state = 'done', cursor = NULL, stored_tables = ?, logs = coalesce(?, logs),
        requests = requests + ?, error = NULL, run = NULL, attempts = attempts + 1, harvested_at = ?, harvested_by = ?
    WHERE {_INSTANCE} AND run = ?
"""
_IF_FIRST = {statement: f"{statement} AND stored_tables IS NULL" for statement in (_STORED, _DONE)}
"""The same, for an instance of which nothing is stored yet."""
_FAILED = f"""
    UPDATE instances SET state = 'failed', error = ?, requests = requests + ?,
        run = NULL, attempts = attempts + 1, harvested_at = ?, harvested_by = ?
    WHERE {_INSTANCE} AND run = ?
"""
_KEEP_UNREAD = """
    INSERT INTO unread (system, tenant, instance_id, read_at, raw) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (system, tenant, instance_id) DO UPDATE SET read_at = excluded.read_at, raw = excluded.raw
"""
_FORGET_UNREAD = """
    DELETE FROM unread WHERE system = ? AND tenant = ? AND EXISTS (
        SELECT 1 FROM instances WHERE instances.system = unread.system AND instances.tenant = unread.tenant
            AND instances.id = unread.instance_id AND instances.state = 'done'
    )
"""
_FAILED_TOO = f"UPDATE harvests SET failed = failed + 1 WHERE {_SOURCE}"
_END = f"UPDATE harvests SET ended_at = ?, cursor = NULL WHERE {_SOURCE}"
_LIST_AGAIN = "UPDATE harvests SET cursor = NULL, listed = FALSE WHERE run = ?"
"""A run that is continued without all it had to do lists from the beginning, and so finds the rest."""

_PROBE = "SELECT id FROM instances WHERE system = ? AND tenant = ? AND state = 'done' AND stored_tables = ? LIMIT 1"
_MEASURED = """
    SELECT sum(requests) * 1.0 / sum(attempts), count(*) FROM instances
    WHERE system = ? AND tenant = ? AND state = 'done' AND requests > 0 AND stored_tables = ?
"""


@attrs.define
class Together:
    """The runs of one harvest.

    Attributes:
        new: numbers of those that continue none: what one of them has harvested is new to the others as well.
        tables: the tables that each run fills, by its number: an instance that one of them reads, no other one takes.
        has_lock: whether one of them has taken the lock.
    """

    new: list[int] = attrs.Factory(list)
    tables: dict[int, frozenset[str]] = attrs.Factory(dict)
    has_lock: bool = False


@attrs.frozen
class Job:
    """An instance to harvest, and the cursor to continue from."""

    instance_id: str
    cursor: int | None


_NEW = Known()


class Queue:
    """The instances of one source. Every method raises `HarvestError` if the archive can't be written.

    Args:
        database: the archive's.
        source: what lists the instances.
        decide: says which of them are read.
        options: what a run must have in common with the one that it continues.
        together: the runs of the same harvest.

    Attributes:
        listed_before: what a run that this one continues has listed already.
        cursor: where the listing continues. None is the beginning.
        is_listed: whether it has come to its end.
    """

    def __init__(
        self,
        database: Database,
        source: Source,
        decide: Decide,
        *,
        options: Sequence[str] = (),
        together: Together | None = None,
    ) -> None:
        self._database = database
        self._key = (source.system, source.tenant)
        self._source = (*self._key, source.name)
        self._resumable = source.resumable
        self._wanted = ",".join(tables_of(source.kinds))
        self._options = ",".join((self._wanted, *options))
        self._decide = decide
        self._together = together or Together()
        self._number = 0
        self._since = sys.maxsize
        self.listed_before: Enqueued = Enqueued()
        self.cursor: str | None = None
        self.is_listed: bool = False
        self._is_continued = False
        self._began_at = now()

    async def begin(self) -> Self:
        """Begin a run, or continue one of the same source and options that hasn't come to its end."""

        def work(connection: Connection) -> None:
            if self._together.has_lock:
                check_lock(connection)
            (number,) = connection.execute(_NEXT_NUMBER).fetchone()
            unfinished = connection.execute(_UNFINISHED, (*self._source, self._options)).fetchone()
            new = (number, min([number, *self._together.new]), now(), None, False, 0, 0, 0)
            begun, since, began_at, cursor, is_listed, instances, failed, without = unfinished or new
            self._since, self._began_at = since, began_at
            if self._resumable and (is_listed or cursor is not None):
                self._number, self.cursor, self.is_listed = begun, cursor, bool(is_listed)
                self._is_continued = True
                (queued,) = connection.execute(_QUEUED, (begun,)).fetchone()
                mean, _ = connection.execute(_MEASURED, (*self._key, self._wanted)).fetchone()
                done = instances - queued - failed
                self.listed_before = Enqueued(queued, done, failed, without, round(done * (mean or 0)))
            else:
                self._number, instances, failed, without = number, 0, 0, 0
            if self._number == number:
                self._together.new.append(number)
            self._together.tables[self._number] = frozenset(self._wanted.split(","))
            numbers = (self._number, self._since)
            state = (self._began_at, self.cursor, self.is_listed, instances, failed, without)
            connection.execute(_BEGIN, (*self._source, self._options, *numbers, *state, this_process(), now()))
            if not self._together.has_lock:
                take_lock(connection)

        await self._database.transact(work)
        self._together.has_lock = True
        return self

    async def enqueue(self, chunk: Chunk, *, last: bool = False) -> Enqueued:
        """Store listed instances and where their listing continues. Return what becomes of them.

        An instance that this run has listed before isn't counted again.
        """
        rows = [self._ref_row(ref) for ref in chunk.refs]

        def work(connection: Connection) -> Enqueued:
            check_lock(connection)
            wanted = self._together.tables[self._number]
            found = Counter[str]()
            saved = 0
            others: set[int] = set()
            store_content(connection, self._key, chunk)
            for ref, row in zip(chunk.refs, rows, strict=True):
                known = self._known(connection, ref)
                is_outdated = known.is_outdated(ref)
                done_before_a_kill = self._is_continued and known.is_fresh and known.is_complete(wanted)
                if self._is_being_read(known) or (done_before_a_kill and not is_outdated):
                    continue  # and what the listing said stays: it may have been read before it changed
                connection.execute(_STORE_REF, row)
                if known.listed_by == self._number and not is_outdated:
                    continue
                if known.run is not None:
                    others.add(known.run)
                decision = self._decide(known, ref)
                found[decision] += 1
                if decision == "queued":
                    connection.execute(_QUEUE, (self._number, is_outdated, *row[:3]))
                else:
                    saved += known.requests
            connection.executemany(_LIST_AGAIN, [(other,) for other in others])
            counted = (found.total(), found["failed"], chunk.without_instance)
            connection.execute(_LISTED, (chunk.cursor, last, *counted, *self._source))
            return Enqueued(**found, requests_saved=saved, without_instance=chunk.without_instance)

        listed = await self._database.transact(work)
        self.cursor, self.is_listed = chunk.cursor, last
        return listed

    def _ref_row(self, ref: InstanceRef) -> Sequence[Any]:
        values = (*_FIELDS[InstanceRef](ref), self._number, *self._key, ref.app_id, ref.form_id)
        return (*self._key, *adapt_row(values))

    async def preview(self, refs: Sequence[InstanceRef]) -> Enqueued:
        """Return what would become of instances if they were listed. Nothing is stored."""

        def work(connection: Connection) -> Enqueued:
            found = Counter[str](self._decide(self._known(connection, ref), ref) for ref in refs)
            return Enqueued(**found)

        return await self._database.transact(work)

    async def forget_cursor(self) -> None:
        """List from the beginning: the place where the listing was isn't there any more."""
        self.cursor = None

        def work(connection: Connection) -> None:
            check_lock(connection)
            connection.execute(_COUNT_AGAIN, self._source)

        await self._database.transact(work)

    def _known(self, connection: Connection, ref: InstanceRef) -> Known:
        row = connection.execute(_KNOWN, (self._since, *self._key, adapt(ref.id))).fetchone()
        return Known(*row) if row else _NEW

    def _is_being_read(self, known: Known) -> bool:
        """Return whether this run, or another one of the same harvest, is to read all that is wanted of it."""
        tables = self._together.tables
        return known.run is not None and tables.get(known.run, frozenset()) >= tables[self._number]

    async def claim(self, most: int, *, without: Collection[str]) -> list[Job]:
        """Return up to so many queued instances, but for some."""
        rows = await self._database.select(_CLAIM, self._wanted, self._number, most + len(without))
        return [Job(instance_id, cursor) for instance_id, cursor in rows if instance_id not in without]

    async def stored_log(self, instance_id: str, position: int) -> str | None:
        """Return the raw text of one log that is stored, or None if it isn't."""
        rows = await self._database.select(_LAST_LOG, *self._key, instance_id, position)
        return rows[0][0] if rows else None

    async def probe_id(self) -> str | None:
        """Return an instance for which the service has answered before, None without any."""
        rows = await self._database.select(_PROBE, *self._key, self._wanted)
        return rows[0][0] if rows else None

    async def measured(self) -> tuple[float | None, int]:
        """Return the mean of requests for an instance so far, None without any, and of how many it is."""
        ((mean, number),) = await self._database.select(_MEASURED, *self._key, self._wanted)
        return mean, number

    async def store(self, job: Job, batch: Batch) -> bool:
        """Store a batch of an instance and where that continues: with the last one, that it is done.

        The rows take the place of those that were stored of these kinds, from the batch's first position on. Return
        False, and store nothing, if another run has taken the instance: that one continues where this one was.
        """
        key = (*self._key, job.instance_id)
        values: dict[type[Row], list[list[Any]]] = {kind: [] for kind in batch.kinds}
        for row in batch.rows:
            kind = type(row)
            values[kind].append([*key, *adapt_row(_FIELDS[kind](row))])
        logs = batch.first + len(values[LogRow]) if LogRow in values else None
        counted = (self._wanted, logs, batch.requests)
        is_last = batch.cursor is None
        statement, state = (_DONE, (*counted, now(), self._number)) if is_last else (_STORED, (batch.cursor, *counted))

        def work(connection: Connection) -> bool:
            check_lock(connection)
            # Of what nothing is stored yet, nothing need be deleted.
            is_first = connection.execute(_IF_FIRST[statement], (*state, *key, self._number)).rowcount
            if not is_first and not connection.execute(statement, (*state, *key, self._number)).rowcount:
                return False
            for kind, rows in values.items():
                if not is_first:
                    connection.execute(_DELETE[kind], (*key, batch.first))
                insert(connection, _INSERT[kind], rows)
            store_links(connection, key, (row for row in batch.rows if isinstance(row, AttachmentRow)))
            return True

        return await self._database.transact(work)

    async def fail(self, instance_id: str, error: str, *, requests: int = 0, body: bytes | None = None) -> None:
        """Record that an instance could not be read, and why. Keep the response that couldn't be decoded."""
        key = (*self._key, instance_id)

        def work(connection: Connection) -> None:
            check_lock(connection)
            state = (adapt(error), requests, now(), self._number)
            if not connection.execute(_FAILED, (*state, *key, self._number)).rowcount:
                return  # another run has taken it
            connection.execute(_FAILED_TOO, self._source)
            if body is not None:
                connection.execute(_KEEP_UNREAD, (*key, now(), adapt(body)))

        await self._database.transact(work)

    async def end(self) -> None:
        """Record that the run has come to its end. Of instances that are done, no undecoded response is kept."""

        def work(connection: Connection) -> None:
            check_lock(connection)
            connection.execute(_FORGET_UNREAD, self._key)
            connection.execute(_END, (now(), *self._source))

        await self._database.transact(work)
