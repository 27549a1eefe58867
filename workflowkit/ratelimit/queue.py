"""The FIFO queue of the requests that wait for one scope's slots, in one event loop."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable
from contextlib import suppress
from weakref import WeakKeyDictionary

import attrs
from aiolimiter import AsyncLimiter

_BURST = 0.1
"""Seconds' worth of requests that may leave at once: 3 at 30 a second."""

_FASTER = 1.3
"""Rate of the token bucket, relative to the limit. The bucket only spaces requests out. The slots keep the limit."""

_POLL = 0.5
"""Seconds between two checks for slots that a closed event loop has left occupied."""


@attrs.define(eq=False)
class Waiter:
    """One request that waits.

    Attributes:
        opens: returns the time at which a slot is free, or None if a request in flight has to end first.
        ready: is set once the waiter is first and a slot is free, or once the waiter gives up.
    """

    opens: Callable[[], float | None]
    ready: asyncio.Future[None]


class FifoQueue:
    """First in, first out: only the first waiter is woken. The next one is woken when it leaves."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiters: deque[Waiter] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._buckets: dict[float, AsyncLimiter] = {}

    def add(self, opens: Callable[[], float | None]) -> Waiter:
        """Return a new waiter at the end of the queue."""
        waiter = Waiter(opens, self._loop.create_future())
        self._waiters.append(waiter)
        return waiter

    def slot_for(self, waiter: Waiter) -> asyncio.Future[None]:
        """Return the future that is set once the waiter is first and a slot is free."""
        if waiter.ready.done():  # it waits again, at the same position
            waiter.ready = self._loop.create_future()
        if waiter is self._waiters[0]:
            self._wake_first()
        return waiter.ready

    def remove(self, waiter: Waiter) -> None:
        """Remove a waiter, and let the next one try if it was the first."""
        was_first = waiter is self._waiters[0]
        self._waiters.remove(waiter)
        if was_first:
            self._wake_first()

    async def pace(self, rate: float) -> None:
        """Wait for a token of this rate's bucket."""
        if rate not in self._buckets:
            burst = max(1.0, rate * _BURST)
            self._buckets[rate] = AsyncLimiter(burst, burst / (rate * _FASTER))
        await self._buckets[rate].acquire()

    def wake(self) -> None:
        """Check for a free slot now. Any thread may call this."""
        with suppress(RuntimeError):  # the loop is closed, so nothing waits there
            self._loop.call_soon_threadsafe(self._wake_first)

    def _wake_first(self) -> None:
        """Wake the first waiter if a slot is free, or set a timer for when one will be."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._waiters or self._waiters[0].ready.done():
            return
        first = self._waiters[0]
        try:
            opens, now = first.opens(), time.monotonic()
            if opens is not None and opens <= now:
                first.ready.set_result(None)
            else:
                self._timer = self._loop.call_later(_POLL if opens is None else opens - now, self._on_timer)
        except Exception as error:  # such as out of memory: it fails for the first waiter, not for all
            first.ready.set_exception(error)

    def _on_timer(self) -> None:
        self._timer = None
        self._wake_first()


_queues: dict[asyncio.AbstractEventLoop, WeakKeyDictionary[Hashable, FifoQueue]] = {}
_registering = threading.Lock()


def queue_of(window: Hashable, loop: asyncio.AbstractEventLoop) -> FifoQueue:
    """Return the queue for a window in this event loop. The queues of closed loops are removed."""
    if loop not in _queues:
        with _registering:
            for closed in [other for other in _queues if other.is_closed()]:
                del _queues[closed]
            _queues[loop] = WeakKeyDictionary()  # the queue goes with its window
    mine = _queues[loop]
    if window not in mine:
        mine[window] = FifoQueue(loop)
    return mine[window]


def wake(window: Hashable) -> None:
    """Let each queue for the window check for a free slot."""
    with _registering:
        queues = [mine[window] for mine in _queues.values() if window in mine]
    for queue in queues:
        queue.wake()
