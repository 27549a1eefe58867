"""What callers await: a limiter, and a permit from one or more limiters."""

from __future__ import annotations

import asyncio
import math
import time
from types import TracebackType
from typing import Self

from ..errors import ConfigError
from .queue import queue_of
from .window import RateLimit, SlidingWindow


class Limiter:
    """A rate limit for any number of tasks, event loops and threads.

    The server counts at most `rate` requests in any sliding second. No limiter that is never refused
    can send more in the long run. The package's docstring has the assumptions, the cost and the proof.

    Example:
        async with limiter.permit() as permit:
            response = await send()
            permit.responded()
            if response.status_code == 429:
                limiter.cool_down(1.0)

    Args:
        rate: requests per second. A rate above 1 must be whole. A fraction is possible: 0.2 is one request
            in five seconds. None is no limit, but cooldowns still hold. Infinity is an unknown limit: the
            limiter has no rate until the server names one.
        window: the sliding window of the scope. By default the limiter has its own. Limiters that share a
            window share its slots, and one queue in each event loop.
    """

    def __init__(self, rate: float | None, *, window: SlidingWindow | None = None) -> None:
        if rate != math.inf:
            check_rate(rate)
        self.window: SlidingWindow = window or SlidingWindow()
        self._rate = rate
        self._rate_limit = RateLimit.of(rate)

    @property
    def rate_limit(self) -> RateLimit:
        """The limit in force: the configured rate, or the lower rate that the server has named."""
        if self._rate is not None and self.window.ceiling < self._rate_limit.rate:
            self._rate_limit = RateLimit.of(self.window.ceiling)
        return self._rate_limit

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._rate!r})"

    def permit(self) -> Permit:
        """Return a permit for one request. Acquire it with ``async with``."""
        return Permit(self)

    def cool_down(self, seconds: float) -> None:
        """Send nothing for this time, because the server has refused. It holds for all that share the window.

        A longer cooldown that is in force already stays in force.
        """
        self.window.cool_down(seconds)

    def lower(self, rate: float) -> None:
        """Keep to this rate from now on if it is lower: the server has named it. A rate of None stays None."""
        check_rate(rate)
        self.window.lower(rate)

    def backlog(self) -> float:
        """Return the seconds after which all requests that wait now will be sent."""
        return self.window.backlog(self.rate_limit)

    def is_free(self) -> bool:
        """Return whether there is no rate and no waiter, so that no queue is needed."""
        return not self.window.waiting and math.isinf(self.rate_limit.rate)

    def opens(self) -> float | None:
        """Return the time at which a slot is free, or None if a request in flight has to end first."""
        return self.window.opens(self.rate_limit)


class Permit:
    """The right to send one request, from one limiter or several. Acquire it with ``async with``.

    The block releases the slots at its end. Each slot stays occupied for as long as the server may count
    the request: the time starts when the response begins. If an exception ends the block before
    `responded`, it starts at the latest time at which a response could still have come.

    To do work between waiting and sending: ``await permit.acquire()``, then ``with permit:``, then
    ``permit.sent()``. Before `sent`, leaving the block frees the slots at once.

    A permit waits for its limiters one after the other, and then takes all slots at once. So no request
    holds a slot while it waits for another. Name the narrowest limiter first, in the same order everywhere.

    Attributes:
        waited: seconds that it waited.
    """

    def __init__(self, *limiters: Limiter) -> None:
        if len(limiters) > 1 and len({limiter.window for limiter in limiters}) < len(limiters):
            raise ConfigError("the limiters of one permit must have different windows: it would wait for itself")
        self._limiters = limiters
        self._loop = asyncio.get_running_loop()
        self._held: list[SlidingWindow] = []
        self._sent_at: float | None = None
        self._responded_at: float | None = None
        self.waited: float = 0.0

    async def acquire(self, max_wait: float | None = None) -> None:
        """Wait for a slot of every limiter.

        Raises TimeoutError if that takes longer than `max_wait` seconds. Then it holds no slot. The error
        comes at once if a cooldown lasts longer than `max_wait`.
        """
        began = time.monotonic()
        self._sent_at = self._responded_at = None
        self.waited = 0.0
        if max_wait is not None and max(limiter.window.not_before for limiter in self._limiters) > began + max_wait:
            raise TimeoutError
        if all(map(Limiter.is_free, self._limiters)) and self._try_acquire():
            return
        for limiter in self._limiters:
            limiter.window.add_waiter(limiter.rate_limit)
        try:
            if max_wait is None:
                await self._acquire_from(0)
            else:
                async with asyncio.timeout(max_wait):
                    await self._acquire_from(0)
        except BaseException:
            self.release()
            raise
        finally:
            for limiter in self._limiters:
                limiter.window.remove_waiter()
            self.waited = time.monotonic() - began

    def sent(self) -> None:
        """Report that the request may leave from now on."""
        self._sent_at = time.monotonic()
        for window in self._held:
            window.sent(self._sent_at)

    def responded(self) -> None:
        """Report that the response has begun, whatever its status."""
        self._responded_at = time.monotonic()

    def timed(self, left: float | None, began: float | None) -> None:
        """Report when the request left on an open connection, and when its response began, or None if unknown.

        The time to connect does not count: other requests don't need it.
        """
        self._sent_at = self._sent_at if left is None else left
        self._responded_at = began

    def release(self) -> None:
        """Release every slot."""
        while self._held:
            self._held.pop().release(self._loop, sent_at=self._sent_at, responded_at=self._responded_at)

    async def _acquire_from(self, position: int) -> bool:
        """Wait in the queue of this limiter, then of the next. False if an earlier one has no free slot any more."""
        limiter = self._limiters[position]
        is_last = position + 1 == len(self._limiters)
        queue = queue_of(limiter.window, self._loop)
        waiter = queue.add(limiter.opens)
        try:
            while True:
                await queue.slot_for(waiter)
                if math.isfinite(limiter.rate_limit.rate):
                    await queue.pace(limiter.rate_limit.rate)
                acquired = self._try_acquire() if is_last else await self._acquire_from(position + 1)
                if acquired or position > 0:  # otherwise it starts again, still first in the first queue
                    return acquired
        finally:
            queue.remove(waiter)

    def _try_acquire(self) -> bool:
        """Take a slot of every limiter, or none."""
        for limiter in self._limiters:
            if not limiter.window.try_acquire(limiter.rate_limit, self._loop):
                self.release()
                return False
            self._held.append(limiter.window)
        return True

    async def __aenter__(self) -> Self:
        await self.acquire()
        self.sent()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is None and self._responded_at is None:
            self.responded()
        self.release()

    def __enter__(self) -> Self:
        if not self._held:
            raise ConfigError("this permit isn't acquired: enter it with `async with`")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.release()


def check_rate(rate: float | None) -> None:
    """Raise ConfigError unless the rate is a positive finite number, or None for no limit."""
    number = isinstance(rate, (int, float)) and not isinstance(rate, bool)
    if rate is not None and not (number and rate > 0 and math.isfinite(rate)):
        raise ConfigError(f"rate={rate!r}: pass requests per second as a finite number above 0, or None for no limit")
