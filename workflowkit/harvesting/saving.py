"""Saving one file: from the first byte to its final name, or why not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

import attrs

from ..archive.files import Files, PendingFile
from ..errors import TransportError
from ..files import DeadLink, Fetcher, FileStore, PartialFile, Unsafe
from ..files.fetch import WrongPart
from .announced import other_size, what_differs

T = TypeVar("T")

_PIECE = 1 << 20
"""Bytes that are written at a time, in a thread. Only what is larger is worth going on with after a break."""


class NotAsAnnounced(Exception):
    """The host has sent something else than the log announced, such as a page to log in."""


class Saver:
    """Saves files of one tenant."""

    def __init__(self, files: Files, store: FileStore, fetcher: Fetcher) -> None:
        self._files = files
        self._store = store
        self._fetcher = fetcher

    async def save(self, file: PendingFile) -> int:
        """Save the file and note that. Return its size in bytes. What was written stays if it breaks off.

        Raises DeadLink, Unsafe, NotAsAnnounced, TransportError if another try may help, or HarvestError for a disk
        that can't be written to.
        """
        part = self._part(file)
        try:
            self._check_size(file.size or 0)
            await self._on_disk(self._open, part, file)
            async with asyncio.timeout(self._store.timeout):
                try:
                    file, media_type = await self._receive(file, part, file.etag if part.size else None)
                except WrongPart:
                    file, media_type = await self._receive(file, part, None)
                if what_differs(file, part, media_type):  # what breaks on its way seldom breaks twice
                    file, media_type = await self._receive(file, part, None)
            if differs := what_differs(file, part, media_type):
                await self._on_disk(part.discard)
                raise NotAsAnnounced(differs)
            stored = await self._on_disk(part.keep)
        except TimeoutError:
            raise TransportError(f"not whole within {self._store.timeout:g} s") from None
        finally:
            part.close()
        await self._files.mark_saved(file, stored, other_size(file, part))
        return stored.bytes

    async def lose(self, file: PendingFile, reason: str) -> None:
        """Note that the file can't be had any more, and why. Nothing of it stays."""
        await self._on_disk(self._part(file).discard)
        await self._files.mark_lost(file, reason)

    async def host_answers(self, url: str) -> bool:
        """Return whether the host answers, whatever it says of this link."""
        try:
            async with asyncio.timeout(min(self._store.timeout, 15.0)), self._fetcher.get(url):
                return True
        except (TransportError, TimeoutError):
            return False
        except (DeadLink, Unsafe):
            return True

    async def _receive(self, file: PendingFile, part: PartialFile, etag: str | None) -> tuple[PendingFile, str | None]:
        """Receive the file, from where it broke off if that is provably the same content. Return its media type too."""
        async with self._fetcher.get(file.url, offset=part.size if etag else 0, etag=etag) as response:
            self._check_size(response.size or 0)
            if response.offset == 0:
                if part.size:
                    await self._on_disk(part.restart)
                larger = response.size is None or response.size > _PIECE
                file = attrs.evolve(file, etag=await self._note(file, response.etag if larger else None))
            buffer = bytearray()
            async for piece in response.pieces:
                buffer += piece
                self._check_size(part.size + len(buffer))
                if len(buffer) >= _PIECE:
                    await self._on_disk(self._write, part, bytes(buffer))
                    buffer.clear()
            await self._on_disk(self._write, part, bytes(buffer))
        return file, response.media_type

    async def _note(self, file: PendingFile, etag: str | None) -> str | None:
        """Note what content the part is going to be, before any of it is written: no other is appended to it."""
        if etag != file.etag:
            await self._files.note_etag(file, etag)
        return etag

    def _open(self, part: PartialFile, file: PendingFile) -> None:
        self._store.make_room(file.size or 0)
        part.open(resume=file.etag is not None)

    def _write(self, part: PartialFile, data: bytes) -> None:
        self._store.make_room(len(data))
        part.write(data)

    async def _on_disk(self, function: Callable[..., T], *arguments: Any, **options: Any) -> T:
        """Return what the function returns, in a thread: to its end, also if the caller is cancelled meanwhile.

        Raises HarvestError for an error of the file system.
        """
        running = asyncio.ensure_future(asyncio.to_thread(function, *arguments, **options))
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            await asyncio.wait([running])  # or it would write to a file that is closed by now
            running.exception()  # nobody else asks for it
            raise
        except OSError as error:
            raise self._store.explain(error) from None

    def _part(self, file: PendingFile) -> PartialFile:
        return self._store.part(self._files.identity(file))

    def _check_size(self, size: int) -> None:
        if size > self._store.largest:
            raise Unsafe(f"it is larger than {self._store.largest:,} bytes")
