"""Saving files while a harvest runs, before the links to them die.

Whose link dies first is saved first. One that is dead, or about to die, is renewed: the page of the
instance's logs that it stands in is asked for again, through the limiter as every request. A file
that fails for a passing reason is held and tried again, as instances are.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from datetime import datetime

from ..errors import (
    ApiError,
    AuthenticationError,
    DecodeError,
    QuotaExceeded,
    RateLimited,
    ServerError,
    TransportError,
)
from ..files import DeadLink, Fetcher, FileStore, Part, Unsafe
from ..files.etag import named_in
from ..files.fetch import Answer, WrongPart
from ..source import AttachmentRow, Source
from .archive import Archive
from .links import Links, Wanted, is_dying
from .outage import PASSING, Outage
from .suspects import Suspects
from .tally import Report, Tally

_MARGIN = 60.0
"""Seconds that a link must live for, so that it needn't be renewed before the file is asked for."""

_PIECE = 1 << 20
"""Bytes that are written at a time, in a thread. Only what is larger is worth going on with after a break."""

_SUSPECTS = 3
"""Failures in a row that a single worker needs before it takes the host to be down."""

_SELDOM = 50
"""How many times as long as counting takes, it isn't done again; a second at least."""


class Lost(Exception):
    """The file can't be had any more."""


class Downloads:
    """The files of one tenant, saved while its parts of a harvest bring the links to them.

    Attributes:
        parts: of the harvest that still bring links; each calls `finish`.
    """

    def __init__(
        self,
        source: Source,
        archive: Archive,
        store: FileStore,
        tally: Tally,
        report: Report,
        *,
        stop: asyncio.Event,
        max_outage: float,
    ) -> None:
        self._source = source
        self._links = Links(archive, source.system, source.tenant)
        self._store = store
        self._fetcher = Fetcher((*source.file_hosts, *store.hosts))
        self._tally = tally
        self._report = report
        self._stop = stop
        self._outage = Outage(stop, max_outage)
        self._suspects = Suspects()
        self._taken: set[str] = set()  # under way, held, or given up for now
        self._under_way = 0
        self.parts: int = 0
        self._grown = asyncio.Event()
        self._done = asyncio.Event()
        self._count_at = 0.0

    def tell(self) -> None:
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
        try:
            async with asyncio.TaskGroup() as group:
                waking = group.create_task(self._wake_at_stop())
                await asyncio.wait([group.create_task(self._worker(taking)) for _ in range(self._store.concurrency)])
                waking.cancel()
        finally:
            await self._fetcher.aclose()
        counts = await self._links.counts()
        self._tally.files_waiting, self._tally.files_lost = counts.waiting, counts.lost
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

    async def _next(self) -> Wanted | None:
        """Return the file to save next, None at the end; wait where there is nothing to do for now."""
        while not self._stop.is_set():
            self._grown.clear()
            ended = not self.parts
            held = self._suspects.held
            if len(held) < max(self._store.concurrency, _SUSPECTS) and (file := await self._take()):
                return file
            if self._under_way or not (held or ended):
                await self._grown.wait()
            elif held:
                error = next(reversed(held.values()))
                await self._outage.wait(error)
                if error.endpoint is not None:  # it is the API that fails, asked for a new link
                    self._taken -= self._suspects.release()
                elif not self._stop.is_set() and await self._host_answers():
                    self._judge(None)
            else:
                return None
        return None

    async def _take(self) -> Wanted | None:
        for file in await self._links.take(1, without=self._taken):
            self._taken.add(file.link)
            return file
        return None

    async def _save(self, file: Wanted) -> None:
        try:
            await self._save_or_renew(file)
        except Lost as lost:
            await asyncio.to_thread(self._store.part(file.link).discard)
            await self._links.lost(file, str(lost))
            self._tally.files_lost += 1
        except PASSING as error:
            self._tally.requests += error.attempts
            self._suspects.hold(file.link, error)
            await self._links.later(file.link, str(error))
            return
        self._outage.end()
        self._taken.discard(file.link)
        self._judge(file.link)

    def _judge(self, saved: str | None) -> None:
        """Let those that are held try again; who fails while the host works is left to the next run."""
        free, _ = self._suspects.judge(saved)
        self._taken -= free

    async def _host_answers(self) -> bool:
        """Return whether the host answers for a file that it had before, whatever; True if there is none to ask for."""
        witness = await self._links.witness()
        if witness is None:
            return True
        try:
            async with self._fetcher.get(witness):
                pass
        except TransportError:
            return False
        except (DeadLink, Unsafe):
            pass
        self._outage.end()
        return True

    async def _save_or_renew(self, file: Wanted) -> None:
        renewed = is_dying(file, _MARGIN)
        if renewed:
            file = await self._renewed(file)
        try:
            try:
                await self._fetch(file)
            except DeadLink:
                if renewed:
                    raise
                await self._fetch(await self._renewed(file))
        except DeadLink as error:
            raise Lost(f"{error}, also with a new link") from None
        except Unsafe as error:
            raise Lost(str(error)) from None

    async def _renewed(self, file: Wanted) -> Wanted:
        """Return the file with a new link, from its log."""
        try:
            for after in (file.position + 1, None):
                async with aclosing(self._source.batches(file.instance_id, after)) as batches:
                    async for batch in batches:
                        self._tally.requests += batch.requests
                        links = [row for row in batch.rows if isinstance(row, AttachmentRow)]
                        if any(row.url.partition("?")[0] == file.link for row in links):
                            return await self._links.renew(file, links)
                        if after is not None:
                            break
        except (AuthenticationError, QuotaExceeded, TransportError, RateLimited):
            raise
        except (ApiError, DecodeError) as error:
            if isinstance(error, ServerError) and not error.subject_only:
                raise
            self._tally.requests += error.attempts
            raise Lost(f"its link has died, and there is no new one: {error}") from None
        raise Lost("its link has died, and its logs don't have it any more")

    async def _fetch(self, file: Wanted) -> None:
        """Save the file; what was written stays if it breaks off, for another try."""
        part = self._store.part(file.link)
        try:
            self._check_size(file.size or 0)
            await asyncio.to_thread(self._store.make_room, file.size or 0)
            await asyncio.to_thread(part.open, resume=file.etag is not None)
            async with asyncio.timeout(self._store.timeout):
                try:
                    await self._receive(file, part, file.etag if part.size else None)
                except WrongPart:
                    await self._receive(file, part, None)
                if _differs(file, part):  # what breaks on its way seldom breaks twice
                    await self._receive(file, part, None)
            differs = _differs(file, part)
            kept = await asyncio.to_thread(part.keep)
        except TimeoutError:
            raise TransportError(f"not whole within {self._store.timeout:g} s") from None
        except OSError as error:
            raise self._store.explain(error) from None
        except Unsafe:
            await asyncio.to_thread(part.discard)
            raise
        finally:
            part.close()
        await self._links.saved(file, kept, differs)
        self._tally.files += 1
        self._tally.file_bytes += kept.bytes

    async def _receive(self, file: Wanted, part: Part, etag: str | None) -> None:
        async with self._fetcher.get(file.url, offset=part.size if etag else 0, etag=etag) as answer:
            self._check_size(answer.size or 0)
            if answer.offset != part.size:
                await asyncio.to_thread(part.restart)
            if answer.offset == 0:
                await self._note(file, answer)
            buffer = bytearray()
            async for piece in answer.pieces:
                buffer += piece
                self._check_size(part.size + len(buffer))
                if len(buffer) >= _PIECE:
                    await asyncio.to_thread(part.write, bytes(buffer))
                    buffer.clear()
            await asyncio.to_thread(part.write, bytes(buffer))

    async def _note(self, file: Wanted, answer: Answer) -> None:
        """Note of what content the part is, before any of it is written: another try goes on with no other."""
        etag = answer.etag if answer.size is None or answer.size > _PIECE else None
        if etag != file.etag:
            await self._links.begin(file, etag)

    def _check_size(self, size: int) -> None:
        if size > self._store.largest:
            raise Unsafe(f"it is larger than {self._store.largest:,} bytes")

    async def _count(self) -> None:
        """Report how many files wait, and when the first of their links dies."""
        began = time.monotonic()
        if began >= self._count_at:
            self._tally.files_waiting, deadline = await self._links.waiting()
            self._tally.deadline = None if deadline is None else datetime.fromisoformat(deadline)
            took = time.monotonic() - began
            self._count_at = began + max(1.0, _SELDOM * took)
        self._report.tell()


def _differs(file: Wanted, part: Part) -> str | None:
    """Return how what came isn't what was announced, None if it is."""
    if file.size is not None and part.size != file.size:
        return f"{file.size:,} bytes were announced, {part.size:,} came"
    if named_in(file.link) not in (None, part.etag):
        return "its content isn't the one that its address names"
    return None
