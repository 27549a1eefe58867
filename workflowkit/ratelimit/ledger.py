"""What a scope's server may still be counting: the process's one record of it."""

from __future__ import annotations

import asyncio
import math
import sys
import threading
import time
from bisect import bisect_right, insort
from collections import Counter, defaultdict, deque
from collections.abc import Hashable

import attrs

from .line import Line
from .roundtrips import RoundTrips

MOST_IN_FLIGHT = 50
"""Requests of one scope under way at once, whatever its rate; more only make a connection pool slower."""

_MARGIN = 0.002
"""Seconds added to each window: a millisecond that a server may round, and two clocks that drift apart."""

_LOST = 1.0
"""Seconds that a request without an answer may still be on its way, if none has taken longer of late."""

_SECOND = 1.0


@attrs.frozen(kw_only=True)
class LimitSnapshot:
    """How one limit stands, all event loops of the process together.

    Attributes:
        scope: ``"tenant"``, or the name of the operation it is for.
        rate: requests per second that are kept to; None if there is no limit, or none is known.
        waiting: requests that wait for it.
        in_flight: requests that hold a slot and have not ended.
        sent: requests that were sent in the last second.
        cooldown: seconds for which nobody sends, because the server has refused; 0 if it hasn't.
    """

    scope: str
    rate: float | None
    waiting: int
    in_flight: int
    sent: int
    cooldown: float


@attrs.frozen
class Quota:
    """A rate as so many slots in a window of seconds; one slot in several seconds if it is below 1."""

    rate: float
    slots: int
    window: float

    @classmethod
    def of(cls, rate: float | None) -> Quota:
        """Return the quota of requests per second; None and infinity are no limit."""
        if rate is None or math.isinf(rate):
            return cls(math.inf, sys.maxsize, 0.0)
        slots = max(1, math.floor(rate))
        return cls(rate, slots, slots / rate + _MARGIN)


class Ledger:
    """The slots of one scope, whichever event loop or thread they are used in.

    Attributes:
        not_before: the cooldown's deadline, on the monotonic clock; it only moves later.
        ceiling: the lowest rate that the server itself has named, kept to by everyone who keeps to one.
    """

    def __init__(self) -> None:
        self.not_before: float = 0.0
        self.ceiling: float = math.inf
        self._quota = Quota.of(None)
        self._waiting = 0
        self._starving = False
        self._lock = threading.Lock()
        self._lines: dict[asyncio.AbstractEventLoop, Line] = {}
        self._in_flight: Counter[asyncio.AbstractEventLoop] = Counter()
        self._ended: list[float] = []  # ascending: when what may still be counted was answered
        self._longest_window = 0.0
        self._sent: deque[float] = deque()  # within the last second
        self._trips = RoundTrips()

    def line(self, loop: asyncio.AbstractEventLoop) -> Line:
        """Return the line in which this event loop waits."""
        if loop not in self._lines:
            with self._lock:
                self._lines = {other: line for other, line in self._lines.items() if not other.is_closed()}
                self._lines[loop] = Line(loop)
        return self._lines[loop]

    def stand(self, quota: Quota) -> None:
        """Count one more that waits."""
        with self._lock:
            self._quota = quota
            self._waiting += 1

    def leave(self) -> None:
        """Count one less that waits."""
        with self._lock:
            self._waiting -= 1

    def opens(self, quota: Quota) -> float | None:
        """Return when a slot is free; None: not before one of those in flight has ended."""
        with self._lock:
            return self._opens(quota, time.monotonic())

    def backlog(self, quota: Quota) -> float:
        """Return the seconds until as many more may be sent as wait now."""
        with self._lock:
            now = time.monotonic()
            return max(self._opens(quota, now) or now, self.not_before, now) - now + self._waiting / quota.rate

    def take(self, quota: Quota, loop: asyncio.AbstractEventLoop) -> bool:
        """Take a slot, if there is one, for a request of this event loop."""
        with self._lock:
            now = time.monotonic()
            opens = self._opens(quota, now)
            if opens is None or opens > now:
                return False
            self._in_flight[loop] += 1
            return True

    def sent(self, at: float) -> None:
        """Note that a request has left."""
        with self._lock:
            self._sent.append(at)
            while self._sent[0] <= at - _SECOND:
                self._sent.popleft()

    def give_back(self, loop: asyncio.AbstractEventLoop, *, sent_at: float | None, answered_at: float | None) -> None:
        """Give a slot back: at once if nothing was sent, else a window after the request has ended.

        Without an answer, that is as long after now as the slowest answer of late has taken.
        """
        with self._lock:
            floor = self._trips.floor
            self._in_flight[loop] -= 1  # below 0 if the loop was closed and is buried; it is buried again
            if answered_at is not None and sent_at is not None:
                self._trips.add(answered_at - sent_at)
                insort(self._ended, answered_at)
            elif sent_at is not None:
                self._lose(time.monotonic())
            if self._starving or sent_at is None or self._trips.floor > floor + _MARGIN:  # earlier than was known
                self._starving = False
                for line in self._lines.values():
                    line.wake()

    def cool_down(self, seconds: float) -> None:
        """Let nobody send for so long from now; an earlier, longer cooldown stands.

        The server has counted differently, so what was learned of the network is learned anew.
        """
        with self._lock:
            self.not_before = max(self.not_before, time.monotonic() + seconds)
            self._trips.forget()

    def lower(self, rate: float) -> None:
        """Let nobody send faster than this from now on, however much more was configured."""
        self.ceiling = min(self.ceiling, rate)

    def snapshot(self, scope: str) -> LimitSnapshot:
        """Return how the limit stands now."""
        with self._lock:
            now = time.monotonic()
            self._bury(now)
            return LimitSnapshot(
                scope=scope,
                rate=None if math.isinf(self._quota.rate) else min(self._quota.rate, self.ceiling),
                waiting=self._waiting,
                in_flight=self._in_flight.total(),
                sent=sum(at > now - _SECOND for at in self._sent),
                cooldown=max(0.0, self.not_before - now),
            )

    def _opens(self, quota: Quota, now: float) -> float | None:
        self._bury(now)
        self._forget(now, quota.window)
        after = quota.window - self._trips.floor
        first = bisect_right(self._ended, now - after)
        counted = len(self._ended) - first
        in_flight = self._in_flight.total()
        beyond = in_flight + counted - quota.slots
        if in_flight >= MOST_IN_FLIGHT or beyond >= counted:
            self._starving = True
            return None
        return max(self.not_before, now if beyond < 0 else self._ended[first + beyond] + after)

    def _lose(self, now: float) -> None:
        """Note a request that nobody waits for any more: it may still be on its way."""
        insort(self._ended, now + max(_LOST, self._trips.slowest) + self._trips.floor)

    def _bury(self, now: float) -> None:
        """Lose the requests of a loop that was closed under them: nobody will give them back."""
        for loop in [loop for loop in self._in_flight if loop.is_closed()]:
            for _ in range(self._in_flight.pop(loop)):
                self._lose(now)

    def _forget(self, now: float, window: float) -> None:
        """Drop what no window reaches back to; not singly, since that moves all the others."""
        self._longest_window = max(self._longest_window, window)
        old = bisect_right(self._ended, now - self._longest_window)
        if old * 2 > len(self._ended):
            del self._ended[:old]


_ledgers: defaultdict[Hashable, Ledger] = defaultdict(Ledger)


def ledger_of(scope: Hashable) -> Ledger:
    """Return the process's record of what was sent in this scope."""
    return _ledgers[scope]


def snapshots(scope: tuple[str, ...]) -> list[LimitSnapshot]:
    """Return how the tenant of this scope stands, and each of its operations that the process has used."""
    known = [(name, ledger) for name, ledger in _ledgers.items() if isinstance(name, tuple)]
    return [
        ledger.snapshot(".".join(name[len(scope) :]) or "tenant")
        for name, ledger in sorted(known, key=lambda each: each[0])
        if name[: len(scope)] == scope
    ]
