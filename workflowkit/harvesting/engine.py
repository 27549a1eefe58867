"""The harvest: list what there is, read what isn't done, let nothing stop the rest.

Whenever the process is killed, the next harvest continues where this one was.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine, Sequence
from itertools import chain
from typing import Any

from ..archive import Archive
from ..archive.queue import Queue, Together
from ..errors import ConfigError
from ..files import FileStore
from ..source import AttachmentRow, Source
from ..stopping import Drain, draining
from ..telemetry import Observer
from .downloads import Downloads
from .heartbeat import send_heartbeats, wait_for_previous
from .instances import Instances
from .progress import Progress, Summary
from .selection import Selection

_GRACE = 7.0
"""Seconds for requests in flight to end once a harvest is to stop: a container is killed after ten."""


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
    changed or they were open. An instance that can't be read (unknown, no permission, an undocumented response)
    is recorded, and the rest continues. While the service fails for everything, probes are sent at growing
    intervals, up to a minute apart.

    Args:
        source: one source, or a list of them. Each has its own workers.
        archive: where to. It must have been entered.
        concurrency: instances of a source in flight at once.
        stop: when set, nothing new begins, what is in flight is finished, and the call returns.
        refresh: read instances again that are done.
        retry_failed: try instances again that an earlier run could not read.
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
    store = None if attachments is None else FileStore.of(attachments)
    await wait_for_previous(archive, sources, stopping)
    progress = Progress([each.rate for each in sources], observers)
    together = Together()
    downloads: dict[tuple[str, str], Downloads] = {}
    readers: dict[tuple[str, str], list[Instances]] = {}
    for each, counts in zip(sources, progress.sources, strict=True):
        tenant = (each.system, each.tenant)
        if store is not None and AttachmentRow in each.kinds:
            counts.saves_files = True
            if tenant not in downloads:
                downloads[tenant] = Downloads(each, archive, store, counts, stop=stopping, max_outage=max_outage)
        selection = Selection.of(each, refresh=refresh, retry_failed=retry_failed)
        reader = Instances(
            each,
            Queue(archive.database, each, selection.decide, options=selection.options, together=together),
            counts,
            downloads.get(tenant) if counts.saves_files else None,
            stop=stopping,
            concurrency=concurrency,
            max_outage=max_outage,
        )
        readers.setdefault(tenant, []).append(reader)
    if not stopping.is_set():
        for reader in chain.from_iterable(readers.values()):
            await reader.begin()
        works = [_harvest_tenant(each, downloads.get(tenant), stopping) for tenant, each in readers.items()]
        await _run(works, archive, stopping)
    for saving in downloads.values():
        await saving.count_all()
    await archive.database.check_place()
    return progress.summary(stopped=stopping.is_set())


async def _harvest_tenant(readers: Sequence[Instances], downloads: Downloads | None, stopping: asyncio.Event) -> None:
    """Read the instances of one tenant's sources side by side, and save the files that they link to.

    Where files are saved, the run of a source ends with the last of them.
    """
    async with asyncio.TaskGroup() as group:
        if downloads is not None:
            group.create_task(downloads.run())
        async with asyncio.TaskGroup() as reading:
            for reader in readers:
                reading.create_task(_read(reader, stopping, ends=downloads is None))
        if downloads is not None:
            downloads.complete()
    if downloads is not None and not stopping.is_set():
        for reader in readers:
            await reader.end()


async def _read(reader: Instances, stopping: asyncio.Event, *, ends: bool) -> None:
    await reader.run()
    if ends and not stopping.is_set():
        await reader.end()


async def _run(works: Sequence[Coroutine[Any, Any, None]], archive: Archive, stopping: asyncio.Event) -> None:
    """Run all works to their end, or for some seconds once they are to stop. Raise the first error."""
    try:
        with draining() as drain:
            async with asyncio.timeout(None) as grace, asyncio.TaskGroup() as group:
                tasks = [group.create_task(work) for work in works]
                aside = [group.create_task(each) for each in (send_heartbeats(archive), _stop(stopping, drain, grace))]
                if tasks:
                    await asyncio.wait(tasks)
                for task in aside:
                    task.cancel()
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


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    error = errors.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error
