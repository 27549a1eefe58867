"""The harvest: list what there is, do what isn't done, let nothing stop the rest.

A source's instances are enlisted in the archive first, as quickly as the source lists them, so
that memory stays flat and the total is soon known. Workers take them from there. An instance is
stored in one transaction together with the fact that it is done: whenever the process is killed,
the next run finds each one either whole or still to do.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from itertools import count

import attrs

from ..errors import (
    AuthenticationError,
    ConfigError,
    HarvestError,
    QuotaExceeded,
    RateLimited,
    ServerError,
    TransportError,
    WorkflowKitError,
)
from ..source import LogRow, NodeRow, Row, Source
from ..telemetry import HarvestProgress, Observer, notify
from .archive import Archive

_AHEAD = 100
"""Instances taken from the archive at a time."""

_SUSPECTS = 3
"""Failures in a row that a single worker needs before it takes the service to be down."""

_BEAT = 1.0
"""Seconds between two notes in the archive that this harvest is alive."""

_PASSING = (TransportError, ServerError)
_FATAL = (AuthenticationError, QuotaExceeded, RateLimited, ConfigError)


@attrs.frozen(kw_only=True)
class Summary:
    """What a harvest did.

    Attributes:
        done: instances harvested.
        failed: instances recorded as failed, now or, without `retry_failed`, by an earlier run;
            `Archive.failures` names them.
        skipped: instances that an earlier run had harvested.
        logs: rows of logs stored.
        nodes: rows of nodes stored.
        requests: sent, retries and listings included.
        stopped: whether `stop` ended it early; the same call goes on from there.
    """

    done: int
    failed: int
    skipped: int
    logs: int
    nodes: int = 0
    requests: int
    stopped: bool


async def harvest(
    source: Source | Sequence[Source],
    archive: Archive,
    *,
    concurrency: int = 20,
    stop: asyncio.Event | None = None,
    retry_failed: bool = False,
    observers: Sequence[Observer] = (),
) -> Summary:
    """Store every instance of the source, or of several sources side by side, in the archive.

    Instances that an earlier run has finished, one way or the other, cost nothing. One that fails for itself (unknown,
    no permission, an undocumented answer) is recorded and the rest goes on.

    Args:
        source: one source, or a list of them; each has its own workers.
        archive: where to; it must have been entered.
        concurrency: instances of a source under way at once.
        stop: when set, nothing new begins, what is under way is finished, and the call returns.
        retry_failed: take up instances that an earlier run recorded as failed.
        observers: called with a `HarvestProgress` after every change.

    Raises:
        AuthenticationError, QuotaExceeded, RateLimited: nothing further can succeed now.
        TransportError, ServerError: the service can't be reached, whatever is asked of it.
        HarvestError: the archive can't be written.

    After any of them, and after cancelling, the same call continues where it was.
    """
    if concurrency < 1:
        raise ConfigError(f"concurrency={concurrency!r}: pass 1 or more")
    sources = [source] if not isinstance(source, Sequence) else source
    tally = _Tally(len(sources), observers)
    stopping = stop or asyncio.Event()
    runs = [_Run(each, archive, tally, stopping, concurrency, retry_failed=retry_failed) for each in sources]
    try:
        async with asyncio.TaskGroup() as group:
            for run in runs:
                group.create_task(run.work())
    except BaseExceptionGroup as errors:
        raise _first(errors) from None
    return tally.summary(stopped=stopping.is_set())


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    error = errors.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error


class _Tally:
    """Counts for all sources of one harvest, and tells the observers."""

    def __init__(self, sources: int, observers: Sequence[Observer]) -> None:
        self.listing = sources
        self.total = self.done = self.failed = self.skipped = self.logs = self.nodes = self.requests = 0
        self._observers = observers

    def tell(self) -> None:
        """Report where the harvest stands."""
        notify(self._observers, HarvestProgress(total=self.total, listed=self.listing == 0, **self._counts()))

    def summary(self, *, stopped: bool) -> Summary:
        """Return the final counts."""
        return Summary(stopped=stopped, **self._counts())

    def _counts(self) -> dict[str, int]:
        return {name: getattr(self, name) for name in ("done", "failed", "skipped", "logs", "nodes", "requests")}


_numbers = count(1)


class _Run:
    """One source's part of a harvest."""

    def __init__(
        self,
        source: Source,
        archive: Archive,
        tally: _Tally,
        stop: asyncio.Event,
        concurrency: int,
        *,
        retry_failed: bool,
    ) -> None:
        self._source = source
        self._archive = archive
        self._tally = tally
        self._stop = stop
        self._concurrency = concurrency
        self._retry_failed = retry_failed
        self._number = next(_numbers)
        self._grown = asyncio.Event()
        self._listed = False
        self._done = 0
        self._suspects: dict[str, WorkflowKitError] = {}

    async def work(self) -> None:
        """List and harvest side by side, until all that was listed is done or something is fatal."""
        await self._succeed()
        async with aclosing(self._todo()) as todo, asyncio.TaskGroup() as group:
            aside = [group.create_task(each) for each in (self._list(), self._wake_at_stop(), self._beat())]
            taking = asyncio.Lock()
            await asyncio.wait([group.create_task(self._worker(todo, taking)) for _ in range(self._concurrency)])
            for task in aside:
                task.cancel()
        if self._done:
            await self._record_suspects()
        elif self._suspects and not self._stop.is_set():
            raise next(iter(self._suspects.values()))
        await self._archive.forget(self._number)

    async def _succeed(self) -> None:
        """Wait until what a process that harvested just now has sent is no longer counted; it can't tell us."""
        window = self._source.window
        ago = await self._archive.beat(self._source.system, self._source.tenant)
        if ago is not None and ago < window + 2 * _BEAT:
            with suppress(TimeoutError):
                async with asyncio.timeout(window):
                    await self._stop.wait()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(_BEAT)
            with suppress(HarvestError):  # it can wait; whoever has something to store can't
                await self._archive.beat(self._source.system, self._source.tenant)

    async def _list(self) -> None:
        before = self._source.requests
        async for refs in self._source.instances():
            listed = await self._archive.enlist(
                self._source.system,
                self._source.tenant,
                refs,
                run=self._number,
                kinds=self._source.kinds,
                retry_failed=self._retry_failed,
            )
            self._tally.total += listed.queued + listed.done + listed.failed
            self._tally.skipped += listed.done
            self._tally.failed += listed.failed
            self._tally.requests += self._source.requests - before
            before = self._source.requests
            self._tally.tell()
            self._grown.set()
        self._tally.requests += self._source.requests - before
        self._listed = True
        self._tally.listing -= 1
        self._tally.tell()
        self._grown.set()

    async def _wake_at_stop(self) -> None:
        await self._stop.wait()
        self._grown.set()

    async def _todo(self) -> AsyncGenerator[str]:
        """Yield what is enlisted, waiting for more until the listing has ended or `stop` is set."""
        place = 0
        while not self._stop.is_set():
            self._grown.clear()
            ended = self._listed
            taken = await self._archive.take(self._number, after=place, most=_AHEAD)
            for at, instance_id in taken:
                if self._stop.is_set():
                    return
                yield instance_id
                place = at
            if not taken and ended:
                return
            if not taken:
                await self._grown.wait()

    async def _worker(self, todo: AsyncGenerator[str], taking: asyncio.Lock) -> None:
        while True:
            async with taking:
                instance_id = await anext(todo, None)
            if instance_id is None:
                return
            await self._harvest(instance_id)
            self._tally.tell()

    async def _harvest(self, instance_id: str) -> None:
        rows: list[Row] = []
        requests = 0
        source = self._source
        try:
            async for batch in source.batches(instance_id):
                rows.extend(batch.rows)
                requests += batch.requests
        except _FATAL:
            raise
        except WorkflowKitError as error:
            self._tally.requests += requests + error.attempts
            await self._failed(instance_id, error)
            return
        await self._archive.store(source.system, source.tenant, instance_id, rows, kinds=source.kinds)
        self._done += 1
        self._tally.done += 1
        self._tally.requests += requests
        self._tally.logs += sum(isinstance(row, LogRow) for row in rows)
        self._tally.nodes += sum(isinstance(row, NodeRow) for row in rows)
        await self._record_suspects()

    async def _failed(self, instance_id: str, error: WorkflowKitError) -> None:
        """Record the failure, unless it may be the service's rather than this instance's own.

        One that passes by itself makes the instance only suspect: it is recorded once another one
        succeeds. If as many as are under way at once fail in a row, the service is down, and all
        are still to do. So they are if something else that every instance needs has failed.
        """
        if error.endpoint is not None and error.subject != instance_id:
            raise error
        if not isinstance(error, _PASSING) or (isinstance(error, ServerError) and error.subject_only):
            await self._record(instance_id, error)
            return
        self._suspects[instance_id] = error
        if len(self._suspects) >= max(self._concurrency, _SUSPECTS):
            raise error

    async def _record_suspects(self) -> None:
        suspects, self._suspects = self._suspects, {}
        for instance_id, error in suspects.items():
            await self._record(instance_id, error)

    async def _record(self, instance_id: str, error: WorkflowKitError) -> None:
        await self._archive.fail(self._source.system, self._source.tenant, instance_id, str(error))
        self._tally.failed += 1
