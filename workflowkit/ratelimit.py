"""Never more than the documented number of requests in any sliding second.

A request may be counted by the server at any moment between its sending and its answer. So a
**slot** of the limit is taken before a request is sent, and comes back one window (plus a few
milliseconds) after its answer, or its failure, is here: by then the server has stopped counting
it, wherever in between it had started. With as many slots as the limit, no sliding window can
hold more. aiolimiter's token bucket, a little faster than the limit, spreads the sends, so that
the slots don't go all at once.

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
from collections import defaultdict, deque
from collections.abc import Hashable
from types import TracebackType
from typing import Self
from weakref import WeakKeyDictionary

from aiolimiter import AsyncLimiter

from .errors import ConfigError

_MARGIN = 0.005
"""Seconds added to each window, for what a server's clock and ours may round differently."""

_SPREAD = 1.05
"""How much faster than the limit the token bucket is: it spreads, the slots decide."""


class Ledger:
    """What a scope's server may still be counting; shared by every event loop of the process."""

    __slots__ = ("ended", "in_flight", "longest_window", "not_before")

    def __init__(self) -> None:
        self.in_flight: int = 0
        self.ended: deque[float] = deque()
        self.not_before: float = 0.0
        self.longest_window: float = 0.0

    def opens(self, slots: int, window: float, now: float) -> float | None:
        """Return when a slot is free; None: not before one of those in flight has ended."""
        while self.ended and self.ended[0] + self.longest_window <= now:
            self.ended.popleft()
        same = window == self.longest_window
        counted = len(self.ended) if same else sum(1 for ended in self.ended if ended + window > now)
        missing = self.in_flight + counted - slots + 1
        if missing <= 0:
            return now
        return self.ended[len(self.ended) - counted + missing - 1] + window if missing <= counted else None

    def cool_down(self, seconds: float) -> None:
        """Let nobody send for so long from now; an earlier, longer cooldown stands."""
        self.not_before = max(self.not_before, time.monotonic() + seconds)


class Limiter:
    """One rate over one scope, in one event loop; with no rate, only cooldowns are waited for."""

    def __init__(self, ledger: Ledger, rate: float | None) -> None:
        self._ledger = ledger
        self._slots = sys.maxsize
        self._window = 0.0
        self._bucket: AsyncLimiter | None = None
        if rate is not None:
            self._slots = max(1, math.floor(rate))
            self._window = self._slots / rate + _MARGIN
            ledger.longest_window = max(ledger.longest_window, self._window)
            burst = max(1.0, rate / 50)
            self._bucket = AsyncLimiter(burst, burst / (rate * _SPREAD))
        self._queue = asyncio.Lock()
        self._ended = asyncio.Event()

    async def acquire(self) -> None:
        """Wait in line until one more request may be sent, and take its slot."""
        async with self._queue:
            if self._bucket is not None:
                await self._bucket.acquire()
            while (delay := self._delay()) > 0:
                self._ended.clear()
                try:
                    async with asyncio.timeout(delay):
                        await self._ended.wait()
                except TimeoutError:
                    continue
            self._ledger.in_flight += 1

    def release(self, *, sent: bool) -> None:
        """Give the slot back: a window from now if the request was sent, at once if it wasn't."""
        self._ledger.in_flight -= 1
        if sent:
            self._ledger.ended.append(time.monotonic())
        self._ended.set()

    def _delay(self) -> float:
        now = time.monotonic()
        opens = self._ledger.opens(self._slots, self._window, now)
        return max(self._ledger.not_before, now + self._window if opens is None else opens) - now


class Turn:
    """One attempt's place in all its limits: `wait` for it, then be its context manager.

    The narrow limit is taken before the broad one, by everyone: no two can wait for each other,
    and a crowded endpoint holds no place of the tenant while it waits for its own.

    Attributes:
        waited: seconds that `wait` took.
        sent: set it once the request may have left; a slot that was not used is free at once.
    """

    def __init__(self, limiters: tuple[Limiter, ...]) -> None:
        self._limiters = limiters
        self._held: list[Limiter] = []
        self.waited: float = 0.0
        self.sent = False

    async def wait(self, max_wait: float | None = None) -> None:
        """Take a slot of every limit; TimeoutError after max_wait seconds, holding none."""
        asked = time.monotonic()
        try:
            async with asyncio.timeout(max_wait):
                for limiter in self._limiters:
                    await limiter.acquire()
                    self._held.append(limiter)
        except BaseException:
            self._release()
            raise
        self.waited = time.monotonic() - asked

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._release()

    def _release(self) -> None:
        while self._held:
            self._held.pop().release(sent=self.sent)


_ledgers: defaultdict[Hashable, Ledger] = defaultdict(Ledger)
_limiters: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[Hashable, float | None], Limiter]] = (
    WeakKeyDictionary()
)


def ledger_of(scope: Hashable) -> Ledger:
    """Return the process's record of what was sent in this scope."""
    return _ledgers[scope]


def limiter_of(scope: Hashable, rate: float | None) -> Limiter:
    """Return the running loop's limiter of this scope and rate; its clients share it."""
    mine = _limiters.setdefault(asyncio.get_running_loop(), {})
    key = (scope, rate)
    if key not in mine:
        mine[key] = Limiter(ledger_of(scope), rate)
    return mine[key]


def check_rate(rate: float | None) -> None:
    """Raise ConfigError unless the rate is a positive finite number or None (no limit)."""
    if rate is not None and not (rate > 0 and math.isfinite(rate)):
        raise ConfigError(f"rate={rate!r}: pass requests per second as a number above 0, or None for no limit")
