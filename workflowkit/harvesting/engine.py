"""The harvest: list what there is, do what isn't done, let nothing stop the rest.

A source's instances are enqueued in the archive as quickly as the source lists them, so that memory
stays flat and the total is soon known. Workers take them from there and store page by page, each
with the place to continue from: whenever the process is killed, the next run continues there.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncGenerator, Coroutine, Mapping, Sequence
from contextlib import aclosing, suppress
from typing import Any

from ..errors import (
    ConfigError,
    DecodeError,
    HarvestError,
    InvalidRequest,
    NotFound,
    WorkflowKitError,
)
from ..files import FileStore
from ..source import AttachmentRow, Batch, Chunk, LogRow, Source
from ..stopping import Drain, Stopped, draining
from ..telemetry import Observer
from .archive import Archive
from .breaker import Breaker, is_general, is_permanent, is_transient, probe
from .database import adapt
from .downloads import Downloads
from .heartbeat import HEARTBEAT, wait_for_previous
from .progress import Counters, Report, Summary
from .run import Job, Run, Together

_GRACE = 7.0
"""Seconds for requests in flight to end once a harvest is to stop: a container is killed after ten."""

_AHEAD = 100
"""Instances taken from the archive at a time."""

_SIGNED = re.compile(r'("https?:[^"?]*)\?[^"]*')
"""A link's signature is another one in each response."""


async def harvest(
    source: Source | Sequence[Source],
    archive: Archive,
    *,
    concurrency: int = 20,
    stop: asyncio.Event | None = None,
    refresh: bool = False,
    retry_failed: bool = False,
    max_outage: float = 21_600.0,
    attachments: FileStore | str | os.PathLike[str] | None = None,
    observers: Sequence[Observer] = (),
) -> Summary:
    """Store every instance of the source, or of several sources side by side, in the archive.

    Instances that an earlier run has finished, one way or the other, cost nothing, unless their status has
    changed or they were open. One that fails for itself (unknown, no permission, an undocumented answer)
    is recorded and the rest continues. While the service fails whatever is asked, it is tried again, ever more
    seldom, up to once a minute.

    Args:
        source: one source, or a list of them. Each has its own workers.
        archive: where to. It must have been entered.
        concurrency: instances of a source in flight at once.
        stop: when set, nothing new begins, what is in flight is finished, and the call returns.
        refresh: take up instances that are done as well.
        retry_failed: take up instances that an earlier run recorded as failed.
        max_outage: seconds for which the service may fail before its error is raised. If it has never
            answered in this call, that is at once.
        attachments: the folder to save the files behind attachments and signatures in, those of earlier runs
            included. A `FileStore` says more. They are saved side by side with the harvest, earliest
            deadline first. By default none are.
        observers: called with a `HarvestProgress` after every change.

    Raises:
        AuthenticationError, QuotaExceeded: nothing further can succeed now.
        TransportError, ServerError, RateLimited: the service can't be reached, whatever is asked of it.
        HarvestError: the archive or a file can't be written, or another process is harvesting into it.

    After any of them, and after cancelling or SIGKILL, the same call continues where it was.
    """
    if concurrency < 1:
        raise ConfigError(f"concurrency={concurrency!r}: pass 1 or more")
    sources = [source] if not isinstance(source, Sequence) else source
    identities = [(each.system, each.tenant, each.name) for each in sources]
    if len(set(identities)) < len(identities):
        raise ConfigError("source: two of them are the same; put their ids into one, or name their tenants apart")
    stopping = stop or asyncio.Event()
    await wait_for_previous(archive, sources, stopping)
    all_counters = [Counters(each.rate) for each in sources]
    report = Report(all_counters, observers)
    downloads = {}
    if attachments is not None:
        store = FileStore.of(attachments)
        downloads = _downloads(sources, all_counters, archive, store, report, stop=stopping, max_outage=max_outage)
    together = Together()
    parts = [
        _Part(
            each,
            archive,
            Run(archive, each, refresh=refresh, retry_failed=retry_failed, together=together),
            counters=counters,
            report=report,
            downloads=downloads.get((each.system, each.tenant)) if counters.saves_files else None,
            stop=stopping,
            concurrency=concurrency,
            max_outage=max_outage,
        )
        for each, counters in zip(sources, all_counters, strict=True)
    ]
    works = [*(part.work() for part in parts), *(saving.work() for saving in downloads.values())]
    await _run(works, stopping)
    await archive.check_place()
    return report.summary(stopped=stopping.is_set())


async def _run(works: Sequence[Coroutine[Any, Any, None]], stopping: asyncio.Event) -> None:
    """Run all works to their end, or for some seconds once they are to stop. Raise the first error."""
    try:
        with draining() as drain:
            async with asyncio.timeout(None) as grace, asyncio.TaskGroup() as group:
                tasks = [group.create_task(work) for work in works]
                stopper = group.create_task(_stop(stopping, drain, grace))
                if tasks:
                    await asyncio.wait(tasks)
                stopper.cancel()
    except TimeoutError:
        if not grace.expired():
            raise
    except BaseExceptionGroup as errors:
        raise _first(errors) from None


async def _stop(stopping: asyncio.Event, drain: Drain, grace: asyncio.Timeout) -> None:
    """Once it is to stop, drop what waits, and after some seconds what still hasn't ended."""
    await stopping.wait()
    drain.stop()
    grace.reschedule(asyncio.get_running_loop().time() + _GRACE)


def _downloads(
    sources: Sequence[Source],
    all_counters: Sequence[Counters],
    archive: Archive,
    store: FileStore,
    report: Report,
    *,
    stop: asyncio.Event,
    max_outage: float,
) -> dict[tuple[str, str], Downloads]:
    """Return what saves the files of each tenant, however many sources it has."""
    found: dict[tuple[str, str], Downloads] = {}
    for source, counters in zip(sources, all_counters, strict=True):
        if AttachmentRow in source.kinds:
            tenant = Downloads(source, archive, store, counters, report, stop=stop, max_outage=max_outage)
            found.setdefault((source.system, source.tenant), tenant).parts += 1
            counters.saves_files = True
    return found


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    error = errors.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error


class _Part:
    """One source's part of a harvest."""

    def __init__(
        self,
        source: Source,
        archive: Archive,
        run: Run,
        *,
        counters: Counters,
        report: Report,
        downloads: Downloads | None,
        stop: asyncio.Event,
        concurrency: int,
        max_outage: float,
    ) -> None:
        self._source = source
        self._archive = archive
        self._run = run
        self._counters = counters
        self._report = report
        self._downloads = downloads
        self._stop = stop
        self._concurrency = concurrency
        self._listing = Breaker(stop, max_outage)
        self._breaker = Breaker(stop, max_outage)
        self._answered = False  # whether the service has, in this call
        self._probe_id: str | None = None  # an instance that the service has returned before
        self._grown = asyncio.Event()
        self._taken: set[str] = set()  # from the archive, and not finished

    async def work(self) -> None:
        """List and harvest side by side, until all that was listed is done or something is fatal."""
        if self._stop.is_set():
            return
        await self._run.begin()
        self._counters.enqueue(self._run.named)
        self._probe_id = await self._run.probe_id()
        async with aclosing(self._jobs()) as jobs, asyncio.TaskGroup() as group:
            aside = [group.create_task(each) for each in (self._list(), self._wake_at_stop(), self._send_heartbeats())]
            taking = asyncio.Lock()
            await asyncio.wait([group.create_task(self._worker(jobs, taking)) for _ in range(self._concurrency)])
            if self._downloads is not None:
                await self._downloads.finish()
            for task in aside:
                task.cancel()
        if not self._stop.is_set():
            await self._run.end()

    async def _send_heartbeats(self) -> None:
        alive = True
        while alive:
            await asyncio.sleep(HEARTBEAT)
            await self._archive.check_place()
            with suppress(HarvestError):  # it can wait. Whoever has something to store can't
                alive = await self._run.heartbeat()
        raise HarvestError("another process has begun the same harvest into this archive; this one ends for it")

    async def _wake_at_stop(self) -> None:
        await self._stop.wait()
        self._grown.set()

    async def _list(self) -> None:
        continued = self._run.cursor is not None
        while not self._run.listed and not self._stop.is_set():
            try:
                async for chunk in self._source.instances(self._run.cursor):
                    continued = False
                    self._answered = self._answered or chunk.requests > 0
                    self._listing.succeeded(None)
                    await self._enqueue(chunk, last=self._source.resumable and chunk.cursor is None)
                if not self._run.listed:
                    await self._enqueue(Chunk(refs=()), last=True)
            except Stopped:
                break
            except WorkflowKitError as error:
                if continued and isinstance(error, (NotFound, InvalidRequest, ConfigError)):
                    continued = False  # where it was isn't there any more: list from the beginning
                    self._run.cursor = None
                elif is_transient(error) and self._answered and self._source.resumable:
                    self._counters.requests += error.attempts
                    await self._listing.pause(error)
                else:
                    raise
        self._counters.listed = self._run.listed
        self._report.publish()
        self._grown.set()

    async def _enqueue(self, chunk: Chunk, *, last: bool) -> None:
        self._counters.enqueue(await self._run.enqueue(chunk, last=last))
        self._counters.requests += chunk.requests
        self._report.publish()
        self._grown.set()

    async def _jobs(self) -> AsyncGenerator[Job]:
        """Yield the queued jobs, waiting for more until the listing has ended or `stop` is set."""
        while not self._stop.is_set():
            self._grown.clear()
            ended = self._run.listed
            taken = await self._run.claim(_AHEAD, without=self._taken)
            self._taken.update(job.id for job in taken)
            for job in taken:
                if self._stop.is_set():
                    return
                yield job
            if taken:
                continue
            if len(self._taken) > len(self._breaker.held) or not ended:
                await self._grown.wait()
            elif self._breaker.held:
                await self._until_up()
            else:
                return

    async def _until_up(self) -> None:
        """Send probes until the service works again. It may not be down at all.

        Meanwhile no other instance is begun. Raises the service's error if it has never answered in this call.
        """
        while held := self._breaker.held:
            error = next(reversed(held.values()))
            if self._probe_id is None:
                raise error
            if self._answered:
                await self._breaker.pause(error)
            if self._stop.is_set() or not self._breaker.held:  # what was in flight has come
                return
            try:
                await probe(self._source, self._probe_id, self._counters)
            except Stopped:
                return
            except WorkflowKitError as failure:
                if not self._answered or not is_transient(failure):
                    raise
            else:
                await self._served(None)

    async def _worker(self, jobs: AsyncGenerator[Job], taking: asyncio.Lock) -> None:
        while True:
            async with taking:
                if self._breaker.is_open(self._concurrency):
                    await self._until_up()
                job = await anext(jobs, None)
            if job is None:
                return
            await self._harvest(job)
            self._report.publish()
            self._grown.set()

    async def _harvest(self, job: Job) -> None:
        try:
            async with aclosing(self._batches(job.id, job.cursor)) as batches:
                async for batch in batches:
                    if batch.cursor is None:  # now, and not once a slow disk has it: by then the service may be down
                        self._probe_id = job.id
                        await self._served(job.id)
                    await self._run.store(job, batch)
                    self._counters.store(batch, after=job.cursor or 0)
                    if self._downloads is not None:
                        self._downloads.wake()
        except Stopped:
            return
        except WorkflowKitError as error:
            if is_permanent(error):
                raise
            self._counters.spend(error.attempts)
            await self._failed(job.id, error)
            return
        self._counters.done += 1
        self._taken.discard(job.id)

    async def _batches(self, instance_id: str, cursor: int | None) -> AsyncGenerator[Batch]:
        """Yield an instance's batches from a cursor on, or all, if the log before it isn't the one that is stored."""
        stored = await self._run.stored_log(instance_id, cursor - 1) if cursor else None
        async with aclosing(self._source.batches(instance_id, cursor)) as batches:
            async for batch in batches:
                if stored is not None and not _begins_with(batch, stored):
                    self._counters.spend(batch.requests)
                    break
                stored = None
                yield batch
            else:
                return
        async with aclosing(self._source.batches(instance_id)) as batches:
            async for batch in batches:
                yield batch

    async def _served(self, instance_id: str | None) -> None:
        """Try the held instances again, or give them up, now that the service has answered for another one."""
        self._answered = True
        free, given_up = self._breaker.succeeded(instance_id)
        self._taken -= free
        await self._record(given_up)

    async def _failed(self, instance_id: str, error: WorkflowKitError) -> None:
        """Record the failure, unless it may be the service's rather than this instance's own.

        One that something else has, which every instance needs, ends the harvest.
        """
        if is_general(error):
            self._breaker.hold(instance_id, error)
        elif error.endpoint is not None and error.subject != instance_id:
            raise error
        else:
            await self._record({instance_id: error})

    async def _record(self, failures: Mapping[str, WorkflowKitError]) -> None:
        for instance_id, error in failures.items():
            body = error.body if isinstance(error, DecodeError) else None
            await self._run.fail(instance_id, str(error), requests=error.attempts, body=body)
            self._counters.failed += 1
            self._taken.discard(instance_id)


def _begins_with(batch: Batch, stored: str) -> bool:
    """Return whether the batch's first row is the log that is stored."""
    first = batch.rows[0] if batch.rows else None
    return isinstance(first, LogRow) and _unsigned(adapt(first.raw)) == _unsigned(stored)


def _unsigned(raw: str) -> str:
    return _SIGNED.sub(r"\1", raw)
