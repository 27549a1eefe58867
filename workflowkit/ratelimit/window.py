"""The sliding window of one scope: the process's one record of the requests that its server may still count."""

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

from .queue import wake
from .roundtrips import RoundTrips

MOST_IN_FLIGHT = 100
"""Most requests of one scope in flight, whatever its rate. Each of them has a connection of its own."""

_MARGIN = 0.002
"""Seconds added to each window: a server may round to a millisecond, and two clocks may drift apart."""

_UNANSWERED = 1.0
"""Least seconds for which a request without a response may still be on its way. Slow responses make it longer."""

_SECOND = 1.0

_is_closed = methodcaller("is_closed")


@attrs.frozen(kw_only=True)
class LimitSnapshot:
    """The state of one rate limit, for all event loops of the process together.

    Attributes:
        scope: ``"tenant"``, or the name of the endpoint.
        rate: requests per second in force, or None if there is no limit, or none is known.
        waiting: requests without a slot. A request counts in each limit that it needs.
        in_flight: requests that have a slot and have not ended.
        sent: requests sent in the last second.
        cooldown: seconds for which nothing is sent, because the server has refused, or 0 if it hasn't.
    """

    scope: str
    rate: float | None
    waiting: int
    in_flight: int
    sent: int
    cooldown: float


@attrs.frozen
class RateLimit:
    """A rate as a number of slots in a window of seconds."""

    rate: float
    slots: int
    seconds: float

    @classmethod
    def of(cls, rate: float | None) -> RateLimit:
        """Return the limit for a rate in requests per second. None and infinity are no limit.

        0.2 becomes 1 slot in 5 seconds, and 2.5 becomes 2 slots in 1 second: no reading of the rate forbids those.
        """
        if rate is None or math.isinf(rate):
            return cls(math.inf, sys.maxsize, 0.0)
        return cls(rate, max(1, math.floor(rate)), max(_SECOND, 1 / rate) + _MARGIN)


class SlidingWindow:
    """The slots of one scope, for all event loops and threads.

    Attributes:
        not_before: deadline of the cooldown, on the monotonic clock. It only moves later.
        ceiling: the lowest rate that the server has named. Every limiter with a rate keeps to it.
        waiting: number of waiters in all event loops.

    Args:
        is_shared: whether `window_of` can find it again. Then it is kept, even if no limiter uses it: while the
            server may count its requests, while a cooldown lasts, and for good once the server has named a rate.
    """

    def __init__(self, *, is_shared: bool = False) -> None:
        self.not_before: float = 0.0
        self.ceiling: float = math.inf
        self.waiting: int = 0
        self._lock = threading.RLock()
        self._rate_limit = RateLimit.of(None)  # the last one that was requested
        self._in_flight: dict[asyncio.AbstractEventLoop, int] = {}
        self._responded: list[float] = []  # ascending: times of the responses that may still count
        self._unanswered: list[float] = []  # ascending: until when each request without a response may arrive
        self._sent: deque[float] = deque()  # times, within the last second
        self._trips = RoundTrips()
        self._longest = _SECOND + _MARGIN  # the longest window of all limiters, in seconds
        self._is_shared = is_shared
        self._is_kept = False  # in `_kept`
        self._may_open_sooner = False  # a response may free a slot earlier than the waiters' timers expect

    def add_waiter(self, rate_limit: RateLimit) -> None:
        """Count one more waiter."""
        with self._lock:
            self._rate_limit = rate_limit
            self._longest = max(self._longest, rate_limit.seconds)
            self.waiting += 1

    def remove_waiter(self) -> None:
        """Count one waiter less."""
        with self._lock:
            self.waiting -= 1

    def opens(self, rate_limit: RateLimit) -> float | None:
        """Return the time at which a slot is free, or None if a request in flight has to end first."""
        with self._lock:
            now = time.monotonic()
            in_flight = sum(self._in_flight.values())
            if math.isinf(rate_limit.rate) and in_flight < MOST_IN_FLIGHT:
                return max(self.not_before, now)
            after = rate_limit.seconds - self._trips.floor
            first = bisect_right(self._responded, now - after)
            unanswered = self._unanswered[bisect_right(self._unanswered, now - rate_limit.seconds) :]
            counted = len(self._responded) - first + len(unanswered)
            missing = in_flight + counted + 1 - rate_limit.slots  # this many must leave the window first
            if (missing > 0 or in_flight >= MOST_IN_FLIGHT) and any(map(_is_closed, self._in_flight)):
                self._reap_closed_loops(now)
                return self.opens(rate_limit)
            if missing > counted or in_flight >= MOST_IN_FLIGHT:
                self._may_open_sooner = True
                return None
            opens = now
            if missing > 0:
                if unanswered:
                    responded = [at + after for at in self._responded[first : first + missing]]
                    opens = sorted(responded + [until + rate_limit.seconds for until in unanswered])[missing - 1]
                else:
                    opens = self._responded[first + missing - 1] + after
                self._may_open_sooner = self._may_open_sooner or (in_flight > 0 and opens > now + after)
            return max(self.not_before, opens)

    def backlog(self, rate_limit: RateLimit) -> float:
        """Return the seconds until all waiters are served and one more request could be sent."""
        with self._lock:
            now = time.monotonic()
            opens = self.opens(rate_limit)
            first = max(self.not_before, now + rate_limit.seconds if opens is None else opens)
            return first - now + self.waiting / rate_limit.rate

    def try_acquire(self, rate_limit: RateLimit, loop: asyncio.AbstractEventLoop) -> bool:
        """Take a slot for a request of this event loop. Return False if none is free."""
        with self._lock:
            opens = self.opens(rate_limit)
            if opens is None or opens > time.monotonic():
                return False
            self._rate_limit = rate_limit
            self._in_flight[loop] = self._in_flight.get(loop, 0) + 1
            if self._is_shared and not self._is_kept:
                self._is_kept = True
                _kept.add(self)
            return True

    def sent(self, at: float) -> None:
        """Record that a request has left."""
        with self._lock:
            self._sent.append(at)
            while self._sent[0] <= at - _SECOND:
                self._sent.popleft()

    def release(self, loop: asyncio.AbstractEventLoop, *, sent_at: float | None, responded_at: float | None) -> None:
        """Release a slot: at once if nothing was sent, else when the server can't count the request any more."""
        with self._lock:
            floor = self._trips.floor
            left = self._in_flight.pop(loop, 0) - 1
            if left > 0:
                self._in_flight[loop] = left
            if sent_at is not None and responded_at is not None:
                self._trips.add(responded_at - sent_at)
                self._insert(self._responded, responded_at, responded_at)
            elif sent_at is not None and left >= 0:  # else its loop was closed, and it was marked already
                self._mark_unanswered(time.monotonic())
            opens_sooner = self._may_open_sooner or sent_at is None or self._trips.floor > floor + _MARGIN
            self._may_open_sooner = self._may_open_sooner and not opens_sooner
        if opens_sooner:
            wake(self)

    def cool_down(self, seconds: float) -> None:
        """Let nothing be sent for this time. A longer cooldown that is in force stays in force.

        The server has counted in another way than expected, so the floor of round trips is learned anew.
        """
        with self._lock:
            self.not_before = max(self.not_before, time.monotonic() + seconds)
            self._trips.forget()

    def lower(self, rate: float) -> None:
        """Let nothing be sent faster than this from now on, even if a higher rate is configured."""
        with self._lock:
            self.ceiling = min(self.ceiling, rate)
            self._longest = max(self._longest, RateLimit.of(rate).seconds)

    def drop_if_expired(self) -> None:
        """Stop keeping the window if the server counts none of its requests any more."""
        with self._lock:
            now = time.monotonic()
            latest = max(self._responded[-1:] + self._unanswered[-1:] + list(self._sent)[-1:], default=0.0)
            is_busy = self.waiting > 0 or self._in_flight or self.not_before > now or not math.isinf(self.ceiling)
            if not is_busy and latest + self._longest <= now:
                self._is_kept = False
                _kept.discard(self)

    def snapshot(self, scope: str) -> LimitSnapshot:
        """Return the state of the limit now."""
        with self._lock:
            now = time.monotonic()
            self._reap_closed_loops(now)
            return LimitSnapshot(
                scope=scope,
                rate=None if math.isinf(self._rate_limit.rate) else min(self._rate_limit.rate, self.ceiling),
                waiting=self.waiting,
                in_flight=sum(self._in_flight.values()),
                sent=sum(at > now - _SECOND for at in self._sent),
                cooldown=max(0.0, self.not_before - now),
            )

    def _mark_unanswered(self, now: float) -> None:
        """Count a request that has no response: it may reach the server later."""
        self._insert(self._unanswered, now + max(_UNANSWERED, self._trips.slowest), now)

    def _insert(self, times: list[float], at: float, now: float) -> None:
        """Insert a time. Delete expired times once they are half of the list, since each deletion moves the rest."""
        insort(times, at)
        if times[len(times) // 2] <= now - self._longest:
            del times[: bisect_right(times, now - self._longest)]

    def _reap_closed_loops(self, now: float) -> None:
        """Mark the requests of closed event loops as unanswered: nothing else will release their slots."""
        for loop in list(filter(_is_closed, self._in_flight)):
            for _ in range(self._in_flight.pop(loop)):
                self._mark_unanswered(now)


_windows: WeakValueDictionary[Hashable, SlidingWindow] = WeakValueDictionary()
_kept: set[SlidingWindow] = set()
"""Shared windows whose requests the server may still count. They are kept even if no limiter uses them."""

_registering = threading.Lock()


def window_of(scope: Hashable) -> SlidingWindow:
    """Return the process's window for this scope.

    A client that is closed and created again finds the same window, so it can't exceed the limit. Windows
    that have expired are freed: a process that serves many tenants one after the other doesn't grow.
    """
    with _registering:
        found = _windows.get(scope)
        if found is None:
            for window in list(_kept):
                window.drop_if_expired()
            found = _windows[scope] = SlidingWindow(is_shared=True)
        return found


def snapshots(scope: tuple[str, ...]) -> list[LimitSnapshot]:
    """Return the state of this scope's tenant limit, and of each endpoint that the process has used."""
    with _registering:
        known = [(name, window) for name, window in list(_windows.items()) if isinstance(name, tuple)]
    return [
        window.snapshot(".".join(name[len(scope) :]) or "tenant")
        for name, window in sorted(known, key=lambda each: each[0])
        if name[: len(scope)] == scope
    ]
