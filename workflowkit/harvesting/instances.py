"""The instances of one source: listed into the archive, and read from there page by page.

They are enqueued as quickly as the source lists them, so that memory stays flat and the total is soon known.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import aclosing

from ..archive.queue import Job, Queue
from ..archive.values import adapt
from ..errors import ConfigError, DecodeError, InvalidRequest, NotFound, WorkflowKitError
from ..source import Batch, Chunk, LogRow, Source
from ..stopping import Stopped
from .breaker import Breaker, is_general, is_permanent, is_transient, probe
from .downloads import Downloads
from .pool import Pool
from .progress import SourceProgress

_AHEAD = 100
"""Instances taken from the archive at a time."""

_SIGNED = re.compile(r'("https?:[^"?]*)\?[^"]*')
"""A link's signature is another one in each response."""


class Instances:
    """Lists and reads the instances of one source."""

    def __init__(
        self,
        source: Source,
        queue: Queue,
        progress: SourceProgress,
        downloads: Downloads | None,
        *,
        stop: asyncio.Event,
        concurrency: int,
        max_outage: float,
    ) -> None:
        self._source = source
        self._queue = queue
        self._progress = progress
        self._downloads = downloads
        self._stop = stop
        self._concurrency = concurrency
        self._listing = Breaker(stop, max_outage)
        self._breaker = Breaker(stop, max_outage)
        self._pool = Pool[Job](self, size=concurrency, ahead=_AHEAD, stop=stop, probes_while_busy=True)
        self._has_answered = False  # whether the service has, in this call
        self._probe_id: str | None = None  # an instance that the service has returned before

    async def begin(self) -> None:
        """Begin a run, or continue one that hasn't come to its end."""
        await self._queue.begin()
        self._progress.enqueue(self._queue.listed_before)
        self._probe_id = await self._queue.probe_id()

    async def run(self) -> None:
        """List and read side by side, until all that was listed is read or something is fatal."""
        async with asyncio.TaskGroup() as group:
            listing = group.create_task(self._list())
            await self._pool.run()
            listing.cancel()

    async def end(self) -> None:
        """Record that the run has come to its end."""
        await self._queue.end()

    async def _list(self) -> None:
        is_continued = self._queue.cursor is not None
        while not self._queue.is_listed and not self._stop.is_set():
            try:
                async for chunk in self._source.instances(self._queue.cursor):
                    is_continued = False
                    self._has_answered = self._has_answered or chunk.requests > 0
                    self._listing.succeeded(None)
                    await self._enqueue(chunk, last=self._source.resumable and chunk.cursor is None)
                if not self._queue.is_listed:
                    await self._enqueue(Chunk(refs=()), last=True)
            except Stopped:
                break
            except WorkflowKitError as error:
                if is_continued and isinstance(error, (NotFound, InvalidRequest, ConfigError)):
                    is_continued = False
                    await self._queue.forget_cursor()
                    self._progress.without_instance = 0
                elif is_transient(error) and self._has_answered and self._source.resumable:
                    self._progress.requests += error.attempts
                    await self._listing.pause(error)
                else:
                    raise
        self._progress.listed = self._queue.is_listed
        self._progress.publish()
        self._pool.wake()

    async def _enqueue(self, chunk: Chunk, *, last: bool) -> None:
        self._progress.enqueue(await self._queue.enqueue(chunk, last=last))
        self._progress.requests += chunk.requests
        self._progress.publish()
        self._pool.wake()

    async def claim(self, most: int, *, without: Collection[str]) -> Sequence[Job]:
        """Return queued instances."""
        return await self._queue.claim(most, without=without)

    def key_of(self, item: Job) -> str:
        """Return the instance's id."""
        return item.instance_id

    def is_blocked(self) -> bool:
        """Return whether only probes may be sent."""
        return self._breaker.is_open(self._concurrency)

    def is_complete(self) -> bool:
        """Return whether all instances are listed."""
        return self._queue.is_listed

    async def resolve(self) -> bool:
        """Send probes until the service works again. It may not be down at all.

        Meanwhile no other instance is begun. Raises the service's error if it has never answered in this call.
        """
        if not self._breaker.held:
            return False
        while held := self._breaker.held:
            error = next(reversed(held.values()))
            if self._probe_id is None:
                raise error
            if self._has_answered:
                await self._breaker.pause(error)
            if self._stop.is_set() or not self._breaker.held:
                break
            try:
                await probe(self._source, self._probe_id, self._progress)
            except Stopped:
                break
            except WorkflowKitError as failure:
                if not self._has_answered or not is_transient(failure):
                    raise
            else:
                await self._succeeded(None)
        return True

    async def do(self, item: Job) -> None:
        """Read an instance and store its pages as they come."""
        try:
            async with aclosing(self._batches(item.instance_id, item.cursor)) as batches:
                async for batch in batches:
                    if batch.cursor is None:  # now, not after the disk: by then the service may be down
                        self._probe_id = item.instance_id
                        await self._succeeded(item.instance_id)
                    if not await self._queue.store(item, batch):
                        self._progress.spend(batch.requests)
                        self._pool.release([item.instance_id])  # this run may get it back
                        return
                    self._progress.store(batch, after=item.cursor or 0)
                    if self._downloads is not None:
                        self._downloads.wake()
        except Stopped:
            return
        except WorkflowKitError as error:
            if is_permanent(error):
                raise
            self._progress.spend(error.attempts)
            await self._failed(item.instance_id, error)
        else:
            self._progress.done += 1
            self._pool.release([item.instance_id])
        self._progress.publish()

    async def _batches(self, instance_id: str, cursor: int | None) -> AsyncGenerator[Batch]:
        """Yield an instance's batches from a cursor on, or all, if the log before it isn't the one that is stored."""
        stored = await self._queue.stored_log(instance_id, cursor - 1) if cursor else None
        async with aclosing(self._source.batches(instance_id, cursor)) as batches:
            async for batch in batches:
                if stored is not None and not _begins_with(batch, stored):
                    self._progress.spend(batch.requests)
                    break
                stored = None
                yield batch
            else:
                return
        async with aclosing(self._source.batches(instance_id)) as batches:
            async for batch in batches:
                yield batch

    async def _succeeded(self, instance_id: str | None) -> None:
        """Try the held instances again, or give them up, now that the service has answered for another one."""
        self._has_answered = True
        free, given_up = self._breaker.succeeded(instance_id)
        self._pool.release(free)
        if given_up:
            await self._record(given_up)

    async def _failed(self, instance_id: str, error: WorkflowKitError) -> None:
        """Record the failure, unless it may be the service's rather than this instance's own.

        An error of another instance, which every instance needs, ends the harvest.
        """
        if is_general(error):
            self._breaker.hold(instance_id, error)
        elif error.endpoint is not None and error.item_id != instance_id:
            raise error
        else:
            await self._record({instance_id: error})

    async def _record(self, failures: Mapping[str, WorkflowKitError]) -> None:
        for instance_id, error in failures.items():
            body = error.body if isinstance(error, DecodeError) else None
            await self._queue.fail(instance_id, str(error), requests=error.attempts, body=body)
            self._progress.failed += 1
        self._pool.release(failures.keys())


def _begins_with(batch: Batch, stored: str) -> bool:
    """Return whether the batch's first row is the log that is stored."""
    first = batch.rows[0] if batch.rows else None
    return isinstance(first, LogRow) and _unsigned(adapt(first.raw)) == _unsigned(stored)


def _unsigned(raw: str) -> str:
    return _SIGNED.sub(r"\1", raw)
