"""Saving files while a harvest runs, before the links to them expire: earliest deadline first.

A link that has expired, or will soon, is renewed: the page of logs that it stands in is requested again,
through the limiter as every request. A file that fails for a passing reason is held until its peer,
the file host or the API, has answered for something else: who fails thrice while the peer works is left
to the next run. If nothing else is there to try, something that is known to be there tells.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from datetime import datetime

import attrs

from ..errors import WorkflowKitError
from ..files import DeadLink, Fetcher, FileStore, Unsafe
from ..source import AttachmentRow, Source
from ..stopping import Stopped
from .archive import Archive
from .breaker import FEWEST, Breaker, is_general, is_transient, probe
from .database import adapt
from .inventory import count_files
from .links import Links, PendingFile
from .progress import Counters, Report
from .saving import NotAsAnnounced, Saver

_MARGIN = 60.0
"""Seconds that a link must live for, so that it needn't be renewed before the file is requested."""

_VAIN = 3
"""Tries without any other sign that what is asked is there, before the harvest ends without these files."""

_SELDOM = 50
"""How many times as long as counting takes, it isn't done again. A second at least."""


class Lost(Exception):
    """The file can't be had any more."""


@attrs.define
class _Peer:
    """One of the two that are asked: the file host, or the API.

    Attributes:
        probe: requests what is known to be there. It returns whether that came, or None if nothing is known.
        in_vain: how often in a row it was tried again although nothing is known to be there.
    """

    probe: Callable[[], Awaitable[bool | None]]
    breaker: Breaker
    in_vain: int = 0

    def works(self, link: str | None) -> tuple[set[str], set[str]]:
        """Record that it has answered for a link. Return the links to try again, and those that are given up."""
        self.in_vain = 0
        free, given_up = self.breaker.succeeded(link)
        return free, set(given_up)


class Downloads:
    """The files of one tenant, saved while its parts of a harvest bring the links to them.

    Attributes:
        parts: of the harvest that still bring links. Each calls `finish`.
    """

    def __init__(
        self,
        source: Source,
        archive: Archive,
        store: FileStore,
        counters: Counters,
        report: Report,
        *,
        stop: asyncio.Event,
        max_outage: float,
    ) -> None:
        self.parts: int = 0
        self._source = source
        self._archive = archive
        self._links = Links(archive, source.system, source.tenant)
        self._concurrency = store.concurrency
        self._fetcher = Fetcher((*source.file_hosts, *store.hosts))
        self._saver = Saver(self._links, store, self._fetcher)
        self._counters = counters
        self._report = report
        self._stop = stop
        self._host = _Peer(self._probe_host, Breaker(stop, max_outage))
        self._api = _Peer(self._probe_api, Breaker(stop, max_outage))
        self._taken: set[str] = set()  # in flight, or held
        self._under_way = 0
        self._given_up = False
        self._grown = asyncio.Event()
        self._done = asyncio.Event()
        self._count_at = 0.0

    def wake(self) -> None:
        """Say that there may be more to save."""
        self._grown.set()

    async def finish(self) -> None:
        """Say that one part brings no more, and wait until all is saved that can be, or the harvest is to stop."""
        self.parts -= 1
        self._grown.set()
        await self._done.wait()

    async def work(self) -> None:
        """Save files until there are no more to come, or the harvest is to stop."""
        taking = asyncio.Lock()
        await self._links.take_up_again()
        try:
            async with asyncio.TaskGroup() as group:
                waking = group.create_task(self._wake_at_stop())
                await asyncio.wait([group.create_task(self._worker(taking)) for _ in range(self._concurrency)])
                waking.cancel()
        finally:
            await self._fetcher.aclose()
        counts = await count_files(self._archive, self._source.system, self._source.tenant)
        self._counters.files_waiting, self._counters.files_lost = counts.waiting, counts.lost
        self._done.set()

    async def _wake_at_stop(self) -> None:
        await self._stop.wait()
        self._grown.set()

    async def _worker(self, taking: asyncio.Lock) -> None:
        while True:
            async with taking:
                file = await self._next()
            if file is None:
                return
            self._under_way += 1
            try:
                await self._save(file)
            finally:
                self._under_way -= 1
                self._grown.set()
            await self._count()

    async def _next(self) -> PendingFile | None:
        """Return the file to save next, None at the end. Wait where there is nothing to do for now."""
        while not self._stop.is_set():
            self._grown.clear()
            last = not self.parts
            held = len(self._host.breaker.held) + len(self._api.breaker.held)
            if held < max(self._concurrency, FEWEST) and (file := await self._take()):
                return file
            # Not before: files that came while one was looked for may have changed it
            doubtful = [peer for peer in (self._host, self._api) if peer.breaker.held]
            if self._under_way or not (doubtful or last):
                await self._grown.wait()
            elif not doubtful or self._given_up:
                return None
            else:
                await self._clear_up(doubtful[0])
        return None

    async def _take(self) -> PendingFile | None:
        file = await self._links.next(without=self._taken)
        if file is not None:
            self._taken.add(file.link)
        return file

    async def _clear_up(self, peer: _Peer) -> None:
        """Wait, and find out whether the peer is down or those that are held are to blame."""
        await peer.breaker.pause(next(reversed(peer.breaker.held.values())))
        if self._stop.is_set():
            return
        answers = await peer.probe()
        if answers:
            await self._works(peer, None)
        elif answers is None:  # then only those that are held can tell
            peer.in_vain += 1
            self._given_up = peer.in_vain > _VAIN and not self.parts
            self._taken -= peer.breaker.release() if not self._given_up else set()

    async def _works(self, peer: _Peer, link: str | None) -> None:
        free, left = peer.works(link)
        self._taken -= free | left
        for each in left:
            await self._links.defer(each)

    async def _probe_host(self) -> bool | None:
        url = await self._links.probe_url()
        return None if url is None else await self._saver.host_answers(url)

    async def _probe_api(self) -> bool | None:
        instance_id = await self._links.probe_instance()
        if instance_id is None:
            return None
        try:
            await probe(self._source, instance_id, self._counters, after=1, most=1)  # as links are renewed
        except Stopped:
            return False
        except WorkflowKitError as error:
            if not is_transient(error):
                raise
            return False
        return True

    async def _save(self, file: PendingFile) -> None:
        try:
            size = await self._save_or_renew(file)
        except Lost as lost:
            await self._saver.lose(file, str(lost))
            self._counters.files_lost += 1
            self._taken.discard(file.link)
        except Stopped:
            return
        except NotAsAnnounced as other:
            await self._not_as_announced(file, str(other))
        except WorkflowKitError as error:
            if not is_transient(error):
                raise
            self._counters.requests += error.attempts
            peer = self._host if error.endpoint is None else self._api
            peer.breaker.hold(file.link, error)
            await self._links.later(file.link, str(error))
        else:
            self._counters.files += 1
            self._counters.file_bytes += size
            self._taken.discard(file.link)
            await self._works(self._host, file.link)

    async def _not_as_announced(self, file: PendingFile, reason: str) -> None:
        """Leave the file to the next run. It is lost if an earlier run has got something else as well."""
        if file.wrong:
            await self._saver.lose(file, reason)
            self._counters.files_lost += 1
        else:
            await self._links.defer_wrong(file.link, reason)
        self._taken.discard(file.link)

    async def _save_or_renew(self, file: PendingFile) -> int:
        renewed = file.expires_within(_MARGIN)
        if renewed:
            file = await self._renewed(file)
        try:
            try:
                return await self._saver.save(file)
            except DeadLink:
                if renewed:
                    raise
                return await self._saver.save(await self._renewed(file))
        except DeadLink as error:
            raise Lost(f"{error}, also with a new link") from None
        except Unsafe as error:
            raise Lost(str(error)) from None

    async def _renewed(self, file: PendingFile) -> PendingFile:
        """Return the file with a new link: from the log where it was read last, or from another that has it."""
        reason: WorkflowKitError | None = None
        for instance_id, position in [(file.instance_id, file.position), *await self._links.elsewhere(file)]:
            try:
                rows = await self._links_of(instance_id, position, file.link)
            except WorkflowKitError as error:
                if is_general(error):
                    raise
                self._counters.requests += error.attempts
                reason = reason or error
                continue
            if rows:
                await self._works(self._api, file.link)
                return await self._links.renew(file, instance_id, rows)
        if reason is not None:
            raise Lost(f"its link has expired, and there is no new one: {reason}")
        raise Lost("its link has expired, and its logs don't have it any more")

    async def _links_of(self, instance_id: str, position: int, link: str) -> list[AttachmentRow]:
        """Return the links of the page of logs that has this one: where it was, or else anywhere in the instance."""
        for after in (position + 1, None):
            async with aclosing(self._source.batches(instance_id, after)) as batches:
                async for batch in batches:
                    self._counters.requests += batch.requests
                    rows = [row for row in batch.rows if isinstance(row, AttachmentRow)]
                    if any(adapt(row.link) == link for row in rows):
                        return rows
                    if after is not None:
                        break
        return []

    async def _count(self) -> None:
        """Report how many files wait, and when the first of their links expires."""
        began = time.monotonic()
        if began >= self._count_at:
            self._count_at = began + 1.0
            self._counters.files_waiting, deadline = await self._links.waiting()
            self._counters.deadline = None if deadline is None else datetime.fromisoformat(deadline)
            self._count_at = began + max(1.0, _SELDOM * (time.monotonic() - began))
        self._report.publish()
