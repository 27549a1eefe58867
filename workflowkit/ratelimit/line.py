"""Who waits for a scope's slots, in one event loop."""

from __future__ import annotations

import asyncio

from aiolimiter import AsyncLimiter

_TOGETHER = 0.1
"""Seconds' worth of requests that may leave at once: 3 at 30 a second."""

_FASTER = 1.3
"""How much faster than the limit the token bucket is: it spreads, the slots decide."""


class Line:
    """First come, first served: who holds `queue` is the head, and waits for all the others.

    Attributes:
        queue: a lock that serves its waiters in order.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.queue: asyncio.Lock = asyncio.Lock()
        self._loop = loop
        self._sleeper: asyncio.Future[None] | None = None
        self._buckets: dict[float, AsyncLimiter] = {}

    async def spread(self, rate: float) -> None:
        """Wait for a token of this rate's bucket."""
        if rate not in self._buckets:
            burst = max(1.0, rate * _TOGETHER)
            self._buckets[rate] = AsyncLimiter(burst, burst / (rate * _FASTER))
        await self._buckets[rate].acquire()

    async def sleep(self, seconds: float) -> None:
        """Let the head sleep for so long, or until it is woken."""
        self._sleeper = self._loop.create_future()
        alarm = self._loop.call_later(seconds, self._rouse)
        try:
            await self._sleeper
        finally:
            alarm.cancel()
            self._sleeper = None

    def wake(self) -> None:
        """Wake the head, if it sleeps; from any thread."""
        if self._sleeper is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._rouse)

    def _rouse(self) -> None:
        if self._sleeper is not None and not self._sleeper.done():
            self._sleeper.set_result(None)
