"""What a scope's server may still be counting: the process's one record of it."""

from __future__ import annotations

import asyncio
import math
import sys
import threading
import time
from bisect import bisect_right, insort
from collections import deque
from collections.abc import Hashable
from operator import methodcaller
from weakref import WeakValueDictionary

import attrs

from .line import wake
from .roundtrips import RoundTrips

MOST_IN_FLIGHT = 100
"""Requests of one scope under way at once, whatever its rate: each has a connection of its own."""

_MARGIN = 0.002
"""Seconds added to each window: a millisecond that a server may round, and two clocks that drift apart."""

_LOST = 1.0
"""Seconds that a request without an answer may still be on its way, if none has taken longer of late."""

_SECOND = 1.0

_is_closed = methodcaller("is_closed")


@attrs.frozen(kw_only=True)
class LimitSnapshot:
    """How one limit stands, all event loops of the process together.

    Attributes:
        scope: ``"tenant"``, or the name of the operation it is for.
        rate: requests per second that are kept to; None if there is no limit, or none is known.
        waiting: requests that need it and have no slot yet; each of them counts in all the limits it needs.
        in_flight: requests that have a slot and have not ended.
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
    """A rate as so many slots in a window of seconds."""

    rate: float
    slots: int
    window: float

    @classmethod
    def of(cls, rate: float | None) -> Quota:
        """Return the quota of requests per second; None and infinity are no limit.

        0.2 is kept as 1 in any five seconds, 2.5 as 2 in any second, since that is what no reading of it forbids.
        """
        if rate is None or math.isinf(rate):
            return cls(math.inf, sys.maxsize, 0.0)
        return cls(rate, max(1, math.floor(rate)), max(_SECOND, 1 / rate) + _MARGIN)


class Ledger:
    """The slots of one scope, whichever event loop or thread they are used in.

    Attributes:
        not_before: the cooldown's deadline, on the monotonic clock; it only moves later.
        ceiling: the lowest rate that the server itself has named, kept to by everyone who keeps to one.
        waiting: how many wait, in all event loops.

    Args:
        lives_on: whether it is kept as long as what it knows matters, since `ledger_of` can find it again.
    """

    def __init__(self, *, lives_on: bool = False) -> None:
        self.not_before: float = 0.0
        self.ceiling: float = math.inf
        self.waiting: int = 0
        self._lock = threading.RLock()
        self._quota = Quota.of(None)  # what was last asked for
        self._in_flight: dict[asyncio.AbstractEventLoop, int] = {}
        self._answered: list[float] = []  # ascending: when what may still be counted was
        self._lost: list[float] = []  # ascending: until when what nobody waits for may be on its way
        self._sent: deque[float] = deque()  # within the last second
        self._trips = RoundTrips()
        self._reach = _SECOND + _MARGIN  # the longest window of all
        self._lives_on = lives_on
        self._is_kept = False  # among those that live on
        self._sooner = False  # an answer may open a slot sooner than who waits was told

    def stand(self, quota: Quota) -> None:
        """Count one more that waits."""
        with self._lock:
            self._quota = quota
            self._reach = max(self._reach, quota.window)
            self.waiting += 1

    def leave(self) -> None:
        """Count one less that waits."""
        with self._lock:
            self.waiting -= 1

    def opens(self, quota: Quota) -> float | None:
        """Return when a slot is free; None: not before one of those in flight has ended."""
        with self._lock:
            now = time.monotonic()
            in_flight = sum(self._in_flight.values())
            if math.isinf(quota.rate) and in_flight < MOST_IN_FLIGHT:
                return max(self.not_before, now)
            after = quota.window - self._trips.floor
            first = bisect_right(self._answered, now - after)
            lost = self._lost[bisect_right(self._lost, now - quota.window) :]
            counted = len(self._answered) - first + len(lost)
            missing = in_flight + counted + 1 - quota.slots  # so many must be counted no more
            if (missing > 0 or in_flight >= MOST_IN_FLIGHT) and any(map(_is_closed, self._in_flight)):
                self._bury(now)
                return self.opens(quota)
            if missing > counted or in_flight >= MOST_IN_FLIGHT:
                self._sooner = True
                return None
            opens = now
            if missing > 0:
                if lost:
                    answered = [at + after for at in self._answered[first : first + missing]]
                    opens = sorted(answered + [until + quota.window for until in lost])[missing - 1]
                else:
                    opens = self._answered[first + missing - 1] + after
                self._sooner = self._sooner or (in_flight > 0 and opens > now + after)
            return max(self.not_before, opens)

    def backlog(self, quota: Quota) -> float:
        """Return the seconds until all who wait now will have gone, and one more can."""
        with self._lock:
            now = time.monotonic()
            opens = self.opens(quota)
            first = max(self.not_before, now + quota.window if opens is None else opens)
            return first - now + self.waiting / quota.rate

    def take(self, quota: Quota, loop: asyncio.AbstractEventLoop) -> bool:
        """Take a slot, if there is one, for a request of this event loop."""
        with self._lock:
            opens = self.opens(quota)
            if opens is None or opens > time.monotonic():
                return False
            self._quota = quota
            self._in_flight[loop] = self._in_flight.get(loop, 0) + 1
            if self._lives_on and not self._is_kept:
                self._is_kept = True
                _kept.add(self)
            return True

    def sent(self, at: float) -> None:
        """Note that a request has left."""
        with self._lock:
            self._sent.append(at)
            while self._sent[0] <= at - _SECOND:
                self._sent.popleft()

    def give_back(self, loop: asyncio.AbstractEventLoop, *, sent_at: float | None, answered_at: float | None) -> None:
        """Give a slot back: at once if nothing was sent, else when the request can't be counted any more."""
        with self._lock:
            floor = self._trips.floor
            left = self._in_flight.pop(loop, 0) - 1
            if left > 0:
                self._in_flight[loop] = left
            if sent_at is not None and answered_at is not None:
                self._trips.add(answered_at - sent_at)
                self._note(self._answered, answered_at, answered_at)
            elif sent_at is not None and left >= 0:  # else its loop was closed, and it is lost already
                self._lose(time.monotonic())
            sooner = self._sooner or sent_at is None or self._trips.floor > floor + _MARGIN
            self._sooner = self._sooner and not sooner
        if sooner:
            wake(self)

    def cool_down(self, seconds: float) -> None:
        """Let nobody send for so long from now; an earlier, longer cooldown stands.

        The server has counted differently, so what was learned of the network is learned anew.
        """
        with self._lock:
            self.not_before = max(self.not_before, time.monotonic() + seconds)
            self._trips.forget()

    def lower(self, rate: float) -> None:
        """Let nobody send faster than this from now on, however much more was configured."""
        with self._lock:
            self.ceiling = min(self.ceiling, rate)
            self._reach = max(self._reach, Quota.of(rate).window)

    def release_if_spent(self) -> None:
        """Keep it no longer if nothing that it knows matters any more, unless it is used again."""
        with self._lock:
            now = time.monotonic()
            latest = max(self._answered[-1:] + self._lost[-1:] + list(self._sent)[-1:], default=0.0)
            is_busy = self.waiting > 0 or self._in_flight or self.not_before > now or not math.isinf(self.ceiling)
            if not is_busy and latest + self._reach <= now:
                self._is_kept = False
                _kept.discard(self)

    def snapshot(self, scope: str) -> LimitSnapshot:
        """Return how the limit stands now."""
        with self._lock:
            now = time.monotonic()
            self._bury(now)
            return LimitSnapshot(
                scope=scope,
                rate=None if math.isinf(self._quota.rate) else min(self._quota.rate, self.ceiling),
                waiting=self.waiting,
                in_flight=sum(self._in_flight.values()),
                sent=sum(at > now - _SECOND for at in self._sent),
                cooldown=max(0.0, self.not_before - now),
            )

    def _lose(self, now: float) -> None:
        """Note a request that nobody waits for any more: it may be on its way as long as the slowest of late."""
        self._note(self._lost, now + max(_LOST, self._trips.slowest), now)

    def _note(self, times: list[float], at: float, now: float) -> None:
        """Add a time, and drop what no window reaches back to once it is half of them: each time moves the others."""
        insort(times, at)
        if times[len(times) // 2] <= now - self._reach:
            del times[: bisect_right(times, now - self._reach)]

    def _bury(self, now: float) -> None:
        """Lose the requests of loops that were closed under them: nobody will give them back."""
        for loop in list(filter(_is_closed, self._in_flight)):
            for _ in range(self._in_flight.pop(loop)):
                self._lose(now)


_ledgers: WeakValueDictionary[Hashable, Ledger] = WeakValueDictionary()
_kept: set[Ledger] = set()
"""Ledgers that say something of what the server may still count: they are kept, whoever has them."""

_registering = threading.Lock()


def ledger_of(scope: Hashable) -> Ledger:
    """Return the process's record of what was sent in this scope.

    It lives as long as somebody has it, and as long as what it knows matters: a client that is closed and made anew
    finds it. So a process that serves many tenants, one after the other, doesn't grow.
    """
    with _registering:
        found = _ledgers.get(scope)
        if found is None:
            for ledger in list(_kept):
                ledger.release_if_spent()
            found = _ledgers[scope] = Ledger(lives_on=True)
        return found


def snapshots(scope: tuple[str, ...]) -> list[LimitSnapshot]:
    """Return how the tenant of this scope stands, and each of its operations that the process has used."""
    with _registering:
        known = [(name, ledger) for name, ledger in list(_ledgers.items()) if isinstance(name, tuple)]
    return [
        ledger.snapshot(".".join(name[len(scope) :]) or "tenant")
        for name, ledger in sorted(known, key=lambda each: each[0])
        if name[: len(scope)] == scope
    ]
