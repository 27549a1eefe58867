"""Never more than the documented number of requests in any sliding second.

A request may be counted by the server at any moment between its sending and its answer. So a
**slot** of the limit is taken before a request is sent, and comes back one window (plus a few
milliseconds) after its answer is here: by then the server has stopped counting it, wherever in
between it had started. One that was given up without an answer may still be on its way: its slot
comes back as much later as the slowest answer of late has taken, a second at least. With as many
slots as the limit, no sliding window can hold more. aiolimiter's token bucket, a little faster
than the limit, spreads the sends, so that the slots don't go all at once.

Who waits stands in a first-in-first-out queue. A **cooldown** (the server did refuse) is a
deadline that only moves later; the queue's head waits for it and the others leave behind it in
order.

What was sent is remembered per scope for the whole process, on its monotonic clock: clients of
one tenant share it however they were made, and a second ``asyncio.run`` doesn't start afresh.
"""

from __future__ import annotations

import asyncio
import math
import sys
import time
from bisect import insort
from collections import Counter, defaultdict, deque
from collections.abc import Hashable
from contextlib import suppress
from types import TracebackType
from typing import Self

from aiolimiter import AsyncLimiter

from .errors import ConfigError

MOST_IN_FLIGHT = 50
"""Requests of one scope under way at once, whatever its rate; more only make a connection pool slower."""

_MARGIN = 0.005
"""Seconds added to each window, for what a server's clock and ours may round differently."""

_SPREAD = 1.05
"""How much faster than the limit the token bucket is: it spreads, the slots decide."""

_LOST = 1.0
"""Seconds that a request without an answer may still be on its way, if none has ever taken longer."""

_POLL = 0.5
"""Seconds after which a waiter looks again, for slots that another event loop gives back."""


class Ledger:
    """What a scope's server may still be counting; shared by every event loop of the process.

    Attributes:
        ended: when each request that is still counted was answered, ascending.
        not_before: the cooldown's deadline.
        longest_window: of all limits over this scope; older entries are forgotten.
        ceiling: the lowest rate that the server itself has named; every limiter with a rate keeps to it.
    """

    def __init__(self) -> None:
        self.ended: deque[float] = deque()
        self.not_before: float = 0.0
        self.longest_window: float = 0.0
        self.ceiling: float = math.inf
        self._in_flight: Counter[asyncio.AbstractEventLoop] = Counter()
        self._slowest = 0.0

    @property
    def in_flight(self) -> int:
        """How many requests hold a slot without having ended."""
        return self._in_flight.total()

    def take(self, loop: asyncio.AbstractEventLoop) -> None:
        """Count one more request in flight."""
        self._in_flight[loop] += 1

    def give_back(self, loop: asyncio.AbstractEventLoop, *, sent_at: float | None, answered_at: float | None) -> None:
        """Count one less in flight, and remember until when the server may have started counting it.

        Without an answer, that is as long after now as the slowest answer of late has taken.
        """
        if self._in_flight[loop] > 0:  # else its loop was closed, and it is counted as ended already
            self._in_flight[loop] -= 1
        if sent_at is None:
            return
        if answered_at is None:
            insort(self.ended, time.monotonic() + max(_LOST, self._slowest))
        else:
            self._slowest = max(answered_at - sent_at, self._slowest * 0.99)
            insort(self.ended, answered_at)

    def opens(self, slots: int, window: float, now: float) -> float | None:
        """Return when a slot is free; None: not before one of those in flight has ended."""
        self._bury(now)
        while self.ended and self.ended[0] + self.longest_window <= now:
            self.ended.popleft()
        same = window == self.longest_window
        counted = len(self.ended) if same else sum(1 for ended in self.ended if ended + window > now)
        in_flight = self.in_flight
        missing = in_flight + counted - slots + 1
        if in_flight >= MOST_IN_FLIGHT or missing > counted:
            return None
        return now if missing <= 0 else self.ended[len(self.ended) - counted + missing - 1] + window

    def cool_down(self, seconds: float) -> None:
        """Let nobody send for so long from now; an earlier, longer cooldown stands."""
        self.not_before = max(self.not_before, time.monotonic() + seconds)

    def lower(self, rate: float) -> None:
        """Let nobody send faster than this from now on, however much more was configured."""
        self.ceiling = min(self.ceiling, rate)

    def _bury(self, now: float) -> None:
        """Take requests of a loop that was closed under them for ended: nobody will give them back."""
        for loop in [loop for loop in self._in_flight if loop.is_closed()]:
            for _ in range(self._in_flight.pop(loop)):
                insort(self.ended, now)


class Limiter:
    """One rate over one scope, in one event loop.

    With an infinite rate only the limit that the server may name is kept, with None not even that:
    only cooldowns are waited for.
    """

    def __init__(self, ledger: Ledger, rate: float | None) -> None:
        self.ledger = ledger
        self._loop = asyncio.get_running_loop()
        self._rate = rate
        self._slots = sys.maxsize
        self._window = 0.0
        self._bucket: AsyncLimiter | None = None
        if rate is not None and math.isfinite(rate):
            self._tune(rate)
        self._queue = asyncio.Lock()
        self._ended = asyncio.Event()

    def _tune(self, rate: float) -> None:
        self._rate = rate
        self._slots = max(1, math.floor(rate))
        self._window = self._slots / rate + _MARGIN
        self.ledger.longest_window = max(self.ledger.longest_window, self._window)
        burst = max(1.0, rate / 50)
        self._bucket = AsyncLimiter(burst, burst / (rate * _SPREAD))

    async def acquire(self) -> None:
        """Wait in line until one more request may be sent, and take its slot."""
        async with self._queue:
            if self._rate is not None and self._rate > self.ledger.ceiling:
                self._tune(self.ledger.ceiling)
            if self._bucket is not None:
                await self._bucket.acquire()
            while (delay := self._delay()) > 0:
                self._ended.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(delay):
                        await self._ended.wait()
            self.ledger.take(self._loop)

    def release(self, *, sent_at: float | None, answered_at: float | None) -> None:
        """Give the slot back: at once if nothing was sent, else a window after the request has ended."""
        self.ledger.give_back(self._loop, sent_at=sent_at, answered_at=answered_at)
        with suppress(RuntimeError):  # its loop is closed: nobody waits there
            self._ended.set()

    def _delay(self) -> float:
        now = time.monotonic()
        opens = self.ledger.opens(self._slots, self._window, now)
        return max(self.ledger.not_before, now + _POLL if opens is None else opens) - now


class Turn:
    """One attempt's place in all its limits: `wait` for it, then be its context manager.

    The narrow limit is taken before the broad one, by everyone: no two can wait for each other,
    and a crowded endpoint holds no place of the tenant while it waits for its own.

    Attributes:
        waited: seconds that `wait` took.
        sent_at: when the request may have left, on the monotonic clock; None: it has not.
        answered_at: when its answer was here; None: none came.
    """

    def __init__(self, limiters: tuple[Limiter, ...]) -> None:
        self._limiters = limiters
        self._held: list[Limiter] = []
        self.waited: float = 0.0
        self.sent_at: float | None = None
        self.answered_at: float | None = None

    async def wait(self, max_wait: float | None = None) -> None:
        """Take a slot of every limit; TimeoutError after max_wait seconds, holding none."""
        asked = time.monotonic()
        try:
            async with asyncio.timeout(max_wait):
                for limiter in self._limiters:
                    await limiter.acquire()
                    self._held.append(limiter)
                while (pause := self._cooldown()) > 0:  # one may have begun while in the last line
                    await asyncio.sleep(pause)
        except BaseException:
            self.give_back()
            raise
        self.waited = time.monotonic() - asked

    def give_back(self) -> None:
        """Give every slot back: at once if nothing was sent."""
        while self._held:
            self._held.pop().release(sent_at=self.sent_at, answered_at=self.answered_at)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.give_back()

    def _cooldown(self) -> float:
        return max(limiter.ledger.not_before for limiter in self._limiters) - time.monotonic()


_ledgers: defaultdict[Hashable, Ledger] = defaultdict(Ledger)
_limiters: dict[asyncio.AbstractEventLoop, dict[tuple[Hashable, float | None], Limiter]] = {}


def ledger_of(scope: Hashable) -> Ledger:
    """Return the process's record of what was sent in this scope."""
    return _ledgers[scope]


def limiter_of(scope: Hashable, rate: float | None) -> Limiter:
    """Return the running loop's limiter of this scope and rate; its clients share it."""
    loop = asyncio.get_running_loop()
    if loop not in _limiters:
        for closed in [other for other in _limiters if other.is_closed()]:
            del _limiters[closed]
        _limiters[loop] = {}
    mine = _limiters[loop]
    key = (scope, rate)
    if key not in mine:
        mine[key] = Limiter(ledger_of(scope), rate)
    return mine[key]


def check_rate(rate: float | None) -> None:
    """Raise ConfigError unless the rate is a positive finite number or None (no limit)."""
    if rate is not None and not (rate > 0 and math.isfinite(rate)):
        raise ConfigError(f"rate={rate!r}: pass requests per second as a number above 0, or None for no limit")
