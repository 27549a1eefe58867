"""What is awaited: a limit, and a request's turn in one or more of them."""

from __future__ import annotations

import asyncio
import math
import time
from contextlib import nullcontext
from types import TracebackType
from typing import Self

from ..errors import ConfigError
from .ledger import Ledger, Quota
from .line import Line

_POLL = 0.5
"""Seconds after which the head looks again, for slots that were held in an event loop that is closed."""


class Limiter:
    """A limit of requests per second, for any number of tasks, event loops and threads.

    At most `rate` requests reach the server in any sliding second, whatever the delays, if the
    network as a whole doesn't become faster at a stroke; and no fewer are let through than anyone can who
    is never to be refused. The module's docstring says how, and what it costs.

    Args:
        rate: requests per second, a fraction below 1 too (0.2: one in five seconds). None: no limit,
            only cooldowns. Infinity: none is known, so only one that the server names is kept.
        ledger: of the scope that is limited; by default one of its own. Limiters over one ledger
            share its slots, each as far as its own rate allows, in one line.
    """

    def __init__(self, rate: float | None, *, ledger: Ledger | None = None) -> None:
        if rate != math.inf:
            check_rate(rate)
        self.ledger: Ledger = ledger or Ledger()
        self._rate = rate
        self._quota = Quota.of(rate)

    @property
    def quota(self) -> Quota:
        """What is kept to: the rate, or less if the server has named less."""
        if self._rate is not None and self.ledger.ceiling < self._quota.rate:
            self._quota = Quota.of(self.ledger.ceiling)
        return self._quota

    def turn(self) -> Turn:
        """Return a place at the end of the line; enter it with ``async with``."""
        return Turn(self)

    def cool_down(self, seconds: float) -> None:
        """Let nobody who shares the ledger send for so long, because the server has refused; only ever later."""
        self.ledger.cool_down(seconds)

    def lower(self, rate: float) -> None:
        """Keep to this rate from now on, if it is lower: the server has named it. Only None isn't lowered."""
        self.ledger.lower(rate)

    def backlog(self) -> float:
        """Return the seconds after which who waits now will have gone, at the rate that is kept to."""
        return self.ledger.backlog(self.quota)

    async def opening(self, line: Line) -> None:
        """Wait until a slot is free, and until sends are far enough apart; for the line's head only."""
        while (opens := self.ledger.opens(self.quota)) is None or opens > time.monotonic():
            await line.sleep(_POLL if opens is None else opens - time.monotonic())
        if math.isfinite(self._quota.rate):
            await line.spread(self._quota.rate)


class Turn:
    """One request's place in all its limits.

    ``async with`` waits for it; or `wait`, and then ``with``. At the end of the block the slots go
    back: at once if nothing was sent, as late as is safe if no answer has come.

    A turn stands in the line of its first limit, the narrowest, and the heads of those lines in
    that of the next. Nobody holds a slot while waiting for another: no two can wait for each other,
    and a crowded limit keeps nothing from the others.

    Attributes:
        waited: seconds that it waited.
    """

    def __init__(self, *limiters: Limiter) -> None:
        self._limiters = limiters
        self._loop = asyncio.get_running_loop()
        self._held: list[Ledger] = []
        self._sent_at: float | None = None
        self._answered_at: float | None = None
        self.waited: float = 0.0

    async def wait(self, max_wait: float | None = None) -> None:
        """Take a slot of every limit; TimeoutError if that takes longer than max_wait seconds, holding none.

        If a cooldown lasts longer than that, it is raised at once.
        """
        asked = time.monotonic()
        if max_wait is not None and max(limiter.ledger.not_before for limiter in self._limiters) > asked + max_wait:
            raise TimeoutError
        for limiter in self._limiters:
            limiter.ledger.stand(limiter.quota)
        try:
            async with nullcontext() if max_wait is None else asyncio.timeout(max_wait):
                await self._stand(0)
        except BaseException:
            self.give_back()
            raise
        finally:
            for limiter in self._limiters:
                limiter.ledger.leave()
            self.waited = time.monotonic() - asked

    def sent(self) -> None:
        """Say that the request may have left from now on."""
        self._sent_at = time.monotonic()
        for ledger in self._held:
            ledger.sent(self._sent_at)

    def answered(self, at: float | None = None) -> None:
        """Say that its answer has begun, now or at that time of the monotonic clock."""
        self._answered_at = time.monotonic() if at is None else at

    def give_back(self) -> None:
        """Give every slot back."""
        while self._held:
            self._held.pop().give_back(self._loop, sent_at=self._sent_at, answered_at=self._answered_at)

    async def _stand(self, place: int) -> bool:
        """Stand in the line of this limit and then of the next; False if an earlier one has closed meanwhile."""
        limiter = self._limiters[place]
        last = place + 1 == len(self._limiters)
        line = limiter.ledger.line(self._loop)
        async with line.queue:
            while True:
                await limiter.opening(line)
                taken = self._take() if last else await self._stand(place + 1)
                if taken or place > 0:
                    return taken

    def _take(self) -> bool:
        for limiter in self._limiters:
            if not limiter.ledger.take(limiter.quota, self._loop):
                self.give_back()
                return False
            self._held.append(limiter.ledger)
        return True

    async def __aenter__(self) -> Self:
        await self.wait()
        self.sent()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is None and self._answered_at is None:
            self.answered()
        self.give_back()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.give_back()


def check_rate(rate: float | None) -> None:
    """Raise ConfigError unless the rate is a positive finite number or None (no limit)."""
    number = isinstance(rate, (int, float)) and not isinstance(rate, bool)
    if rate is not None and not (number and rate > 0 and math.isfinite(rate)):
        raise ConfigError(f"rate={rate!r}: pass requests per second as a number above 0, or None for no limit")
