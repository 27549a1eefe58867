"""Who waits for a scope's slots, in one event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Hashable
from contextlib import suppress

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
        self._woken: asyncio.Future[None] = loop.create_future()
        self._buckets: dict[float, AsyncLimiter] = {}

    async def spread(self, rate: float) -> None:
        """Wait for a token of this rate's bucket."""
        if rate not in self._buckets:
            burst = max(1.0, rate * _TOGETHER)
            self._buckets[rate] = AsyncLimiter(burst, burst / (rate * _FASTER))
        await self._buckets[rate].acquire()

    async def sleep(self, seconds: float) -> None:
        """Let the head sleep for so long, or until it is woken."""
        self._woken = self._loop.create_future()
        alarm = self._loop.call_later(seconds, self._rouse)
        try:
            await self._woken
        finally:
            alarm.cancel()

    def wake(self) -> None:
        """Wake the head, if it sleeps or has just looked and is about to; from any thread."""
        with suppress(RuntimeError):  # its loop is closed: nobody sleeps there
            self._loop.call_soon_threadsafe(self._rouse)

    def _rouse(self) -> None:
        if not self._woken.done():
            self._woken.set_result(None)


_lines: dict[asyncio.AbstractEventLoop, dict[Hashable, Line]] = {}
_registering = threading.Lock()


def line_of(scope: Hashable, loop: asyncio.AbstractEventLoop) -> Line:
    """Return the line for the scope in this event loop; those of closed loops are forgotten."""
    if loop not in _lines:
        with _registering:
            for closed in [other for other in _lines if other.is_closed()]:
                del _lines[closed]
            _lines[loop] = {}
    mine = _lines[loop]
    if scope not in mine:
        mine[scope] = Line(loop)
    return mine[scope]


def wake(scope: Hashable) -> None:
    """Wake the head of each line for the scope."""
    with _registering:
        lines = [mine[scope] for mine in _lines.values() if scope in mine]
    for line in lines:
        line.wake()
