"""A pool of workers, for instances and for files: they take items from the archive while more may come."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Collection, Sequence
from typing import Generic, Protocol, TypeVar

Item = TypeVar("Item")


class Work(Protocol[Item]):
    """What the workers of a pool do."""

    async def claim(self, most: int, *, without: Collection[str]) -> Sequence[Item]:
        """Return up to so many items from the archive, but for some."""

    def key_of(self, item: Item) -> str:
        """Return what tells the item from all others."""

    async def do(self, item: Item) -> None:
        """Work off one item. What it raises ends the pool."""

    def is_blocked(self) -> bool:
        """Return whether nothing may begin, since so many items have failed that the service may be down."""

    def is_complete(self) -> bool:
        """Return whether no more items are to be waited for."""

    async def resolve(self) -> bool:
        """Find out why items are held. Return False if none are, or nothing more can be found out."""


class Pool(Generic[Item]):
    """Workers that share one queue in the archive.

    Args:
        work: what they do.
        size: how many they are.
        ahead: items that are taken from the archive at a time.
        stop: when set, nothing new begins.
        probes_while_busy: whether a breaker that has opened is resolved at once, while other items are in flight.
    """

    def __init__(
        self, work: Work[Item], *, size: int, ahead: int, stop: asyncio.Event, probes_while_busy: bool = False
    ) -> None:
        self._work = work
        self._size = size
        self._ahead = ahead
        self._stop = stop
        self._probes_while_busy = probes_while_busy
        self._claimed: deque[Item] = deque()
        self._taken: set[str] = set()  # claimed, in flight, or held
        self._in_flight = 0
        self._is_over = False
        self._claiming = asyncio.Lock()
        self._changed = asyncio.Event()

    def wake(self) -> None:
        """Look again for items: there may be more, or no more to wait for."""
        self._changed.set()

    def release(self, keys: Collection[str]) -> None:
        """Let items be claimed again if the archive still has them queued."""
        self._taken.difference_update(keys)

    async def run(self) -> None:
        """Work items off until none are left, or `stop` is set."""
        async with asyncio.TaskGroup() as group:
            waking = group.create_task(self._wake_at_stop())
            await asyncio.wait([group.create_task(self._run_worker()) for _ in range(self._size)])
            waking.cancel()

    async def _wake_at_stop(self) -> None:
        await self._stop.wait()
        self._changed.set()

    async def _run_worker(self) -> None:
        while True:
            async with self._claiming:
                item = await self._next()
            if item is None:
                return
            self._in_flight += 1
            try:
                await self._work.do(item)
            finally:
                self._in_flight -= 1
                self._changed.set()

    async def _next(self) -> Item | None:
        """Return the next item, None at the end. Wait where there is nothing to do for now."""
        while not (self._is_over or self._stop.is_set()):
            self._changed.clear()
            is_blocked = self._work.is_blocked()
            if not is_blocked and (item := await self._claim()) is not None:
                return item
            if is_blocked and self._probes_while_busy:
                await self._work.resolve()
            elif self._changed.is_set():  # while the archive was read
                continue
            elif self._in_flight or not (is_blocked or self._work.is_complete()):
                await self._changed.wait()
            else:
                self._is_over = not await self._work.resolve()
        return None

    async def _claim(self) -> Item | None:
        if not self._claimed:
            self._claimed.extend(await self._work.claim(self._ahead, without=self._taken))
            self._taken.update(map(self._work.key_of, self._claimed))
        return self._claimed.popleft() if self._claimed and not self._stop.is_set() else None
