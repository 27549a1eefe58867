"""Who waits for a scope's slots, in one event loop."""

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

_TOGETHER = 0.1
"""Seconds' worth of requests that may leave at once: 3 at 30 a second."""

_FASTER = 1.3
"""How much faster than the limit the token bucket is: it spreads, the slots decide."""

_POLL = 0.5
"""Seconds after which the line looks again, for slots that were held in an event loop that is closed."""


@attrs.define(eq=False)
class Place:
    """One request's place in a line.

    Attributes:
        opens: returns when a slot is free for it; None: not before one of those in flight has ended.
        free: settled once it is first, and there is one; or by who gives up.
    """

    opens: Callable[[], float | None]
    free: asyncio.Future[None]


class Line:
    """First come, first served: the first one is told when a slot is free, and all others wait for it to leave."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._places: deque[Place] = deque()
        self._alarm: asyncio.TimerHandle | None = None
        self._buckets: dict[float, AsyncLimiter] = {}

    def join(self, opens: Callable[[], float | None]) -> Place:
        """Return a place at the end."""
        place = Place(opens, self._loop.create_future())
        self._places.append(place)
        return place

    def slot(self, place: Place) -> asyncio.Future[None]:
        """Return what settles once the place is first, and a slot is free for it."""
        if place.free.done():  # once more, where it is
            place.free = self._loop.create_future()
        if place is self._places[0]:
            self._look()
        return place.free

    def leave(self, place: Place) -> None:
        """Give a place up."""
        was_first = place is self._places[0]
        self._places.remove(place)
        if was_first:
            self._look()

    async def spread(self, rate: float) -> None:
        """Wait for a token of this rate's bucket."""
        if rate not in self._buckets:
            burst = max(1.0, rate * _TOGETHER)
            self._buckets[rate] = AsyncLimiter(burst, burst / (rate * _FASTER))
        await self._buckets[rate].acquire()

    def wake(self) -> None:
        """Look whether a slot is free by now; from any thread."""
        with suppress(RuntimeError):  # the loop is closed: nobody waits there
            self._loop.call_soon_threadsafe(self._look)

    def _look(self) -> None:
        """Tell the first one if a slot is free, or look again when one will be."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if not self._places or self._places[0].free.done():
            return
        first = self._places[0]
        try:
            opens, now = first.opens(), time.monotonic()
            if opens is not None and opens <= now:
                first.free.set_result(None)
            else:
                self._alarm = self._loop.call_later(_POLL if opens is None else opens - now, self._ring)
        except Exception as error:  # out of memory, say: it fails for the first one, not for all in line
            first.free.set_exception(error)

    def _ring(self) -> None:
        self._alarm = None
        self._look()


_lines: dict[asyncio.AbstractEventLoop, WeakKeyDictionary[Hashable, Line]] = {}
_registering = threading.Lock()


def line_of(scope: Hashable, loop: asyncio.AbstractEventLoop) -> Line:
    """Return the line for the scope in this event loop; those of closed loops are forgotten."""
    if loop not in _lines:
        with _registering:
            for closed in [other for other in _lines if other.is_closed()]:
                del _lines[closed]
            _lines[loop] = WeakKeyDictionary()  # a scope that nobody has any more has no line
    mine = _lines[loop]
    if scope not in mine:
        mine[scope] = Line(loop)
    return mine[scope]


def wake(scope: Hashable) -> None:
    """Let each line for the scope look whether a slot is free."""
    with _registering:
        lines = [mine[scope] for mine in _lines.values() if scope in mine]
    for line in lines:
        line.wake()
