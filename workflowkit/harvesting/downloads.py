"""Saving files while a harvest runs, before the links to them expire: earliest deadline first.

A link that has expired, or will soon, is renewed: the page of logs that contains it is requested again,
through the limiter as every request. A file that fails with a transient error is held until its peer,
the file host or the API, has answered for something else. A file that fails three times while the peer works is
left to the next run. If no other file is left to try, a file that was saved before is used as a probe.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import aclosing
from datetime import datetime

import attrs

from ..archive import Archive
from ..archive.files import Files, PendingFile
from ..archive.values import adapt
from ..errors import WorkflowKitError
from ..files import DeadLink, Fetcher, FileStore, Unsafe
from ..source import AttachmentRow, Source
from ..stopping import Stopped
from .breaker import FEWEST, Breaker, is_general, is_transient, probe
from .pool import Pool
from .progress import SourceProgress
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
    """The files of one tenant, saved while its sources bring the links to them."""

    def __init__(
        self,
        source: Source,
        archive: Archive,
        store: FileStore,
        progress: SourceProgress,
        *,
        stop: asyncio.Event,
        max_outage: float,
    ) -> None:
        self._source = source
        self._files = Files(archive.database, source.system, source.tenant)
        self._archive = archive
        self._concurrency = store.concurrency
        self._fetcher = Fetcher((*source.file_hosts, *store.hosts))
        self._saver = Saver(self._files, store, self._fetcher)
        self._progress = progress
        self._stop = stop
        self._host = _Peer(self._probe_host, Breaker(stop, max_outage))
        self._api = _Peer(self._probe_api, Breaker(stop, max_outage))
        self._pool = Pool[PendingFile](self, size=store.concurrency, ahead=1, stop=stop)
        self._has_all_links = False
        self._count_at = 0.0

    def wake(self) -> None:
        """Say that there may be more to save."""
        self._pool.wake()

    def complete(self) -> None:
        """Say that no more links will come."""
        self._has_all_links = True
        self._pool.wake()

    async def run(self) -> None:
        """Save files until there are no more to come, or the harvest is to stop."""
        await self._files.retry_deferred()
        try:
            await self._pool.run()
        finally:
            await self._fetcher.aclose()

    async def count_all(self) -> None:
        """Count the files that wait, and those that are lost, of all runs."""
        counts = await self._archive.count_files(self._source.system, self._source.tenant)
        self._progress.files_waiting, self._progress.files_lost = counts.waiting, counts.lost

    async def claim(self, most: int, *, without: Collection[str]) -> Sequence[PendingFile]:
        """Return the files whose links expire first."""
        return await self._files.claim(most, without=without)

    def key_of(self, item: PendingFile) -> str:
        """Return the link without its signature."""
        return item.link

    def is_blocked(self) -> bool:
        """Return whether so many files are held that a peer may be down."""
        held = len(self._host.breaker.held) + len(self._api.breaker.held)
        return held >= max(self._concurrency, FEWEST)

    def is_complete(self) -> bool:
        """Return whether no more links will come, or files are held: those needn't wait for more links."""
        return self._has_all_links or self._doubtful() is not None

    def _doubtful(self) -> _Peer | None:
        """Return a peer that may be down, None if both work."""
        return next((peer for peer in (self._host, self._api) if peer.breaker.held), None)

    async def resolve(self) -> bool:
        """Wait, and find out whether the peer is down or the held files are to blame."""
        peer = self._doubtful()
        if peer is None:
            return False
        await peer.breaker.pause(next(reversed(peer.breaker.held.values())))
        if self._stop.is_set():
            return True
        has_come = await peer.probe()
        if has_come:
            await self._works(peer, None)
        elif has_come is None:  # nothing but the held files can tell
            peer.in_vain += 1
            if peer.in_vain > _VAIN and self._has_all_links:
                return False
            self._pool.release(peer.breaker.release())
        return True

    async def _works(self, peer: _Peer, link: str | None) -> None:
        free, left = peer.works(link)
        self._pool.release(free)
        for each in left:
            await self._files.defer(each)
        self._pool.release(left)

    async def _probe_host(self) -> bool | None:
        url = await self._files.probe_url()
        return None if url is None else await self._saver.host_answers(url)

    async def _probe_api(self) -> bool | None:
        instance_id = await self._files.probe_instance()
        if instance_id is None:
            return None
        try:
            await probe(self._source, instance_id, self._progress, after=1, most=1)  # as links are renewed
        except Stopped:
            return False
        except WorkflowKitError as error:
            if not is_transient(error):
                raise
            return False
        return True

    async def do(self, item: PendingFile) -> None:
        """Save a file, with a new link if need be."""
        try:
            size = await self._save_or_renew(item)
        except Lost as lost:
            await self._lose(item, str(lost))
        except Stopped:
            return
        except NotAsAnnounced as other:
            await self._not_as_announced(item, str(other))
        except WorkflowKitError as error:
            if not is_transient(error):
                raise
            self._progress.requests += error.attempts
            peer = self._host if error.endpoint is None else self._api
            peer.breaker.hold(item.link, error)
            await self._files.note_reason(item.link, str(error))
        else:
            self._progress.files += 1
            self._progress.file_bytes += size
            self._pool.release([item.link])
            await self._works(self._host, item.link)
        await self._count()

    async def _lose(self, file: PendingFile, reason: str) -> None:
        await self._saver.lose(file, reason)
        self._progress.files_lost += 1
        self._pool.release([file.link])

    async def _not_as_announced(self, file: PendingFile, reason: str) -> None:
        """Leave the file to the next run. It is lost if an earlier run has got something else as well."""
        if file.wrong:
            await self._lose(file, reason)
        else:
            await self._files.defer_wrong(file.link, reason)
            self._pool.release([file.link])

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
        for instance_id, position in [(file.instance_id, file.position), *await self._files.other_places(file)]:
            try:
                rows = await self._links_of(instance_id, position, file.link)
            except WorkflowKitError as error:
                if is_general(error):
                    raise
                self._progress.requests += error.attempts
                reason = reason or error
                continue
            if rows:
                await self._works(self._api, file.link)
                return await self._files.renew(file, instance_id, rows)
        if reason is not None:
            raise Lost(f"its link has expired, and there is no new one: {reason}")
        raise Lost("its link has expired, and its logs don't have it any more")

    async def _links_of(self, instance_id: str, position: int, link: str) -> list[AttachmentRow]:
        """Return the links of the page of logs that has this one: where it was, or else anywhere in the instance."""
        for after in (position + 1, None):
            async with aclosing(self._source.batches(instance_id, after)) as batches:
                async for batch in batches:
                    self._progress.requests += batch.requests
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
            self._progress.files_waiting, deadline = await self._files.count_pending()
            self._progress.deadline = None if deadline is None else datetime.fromisoformat(deadline)
            self._count_at = began + max(1.0, _SELDOM * (time.monotonic() - began))
        self._progress.publish()
