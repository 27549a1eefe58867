"""What is awaited: a limit, and a request's turn in one or more of them."""

from __future__ import annotations

import asyncio
import math
import time
from types import TracebackType
from typing import Self

from ..errors import ConfigError
from .ledger import Ledger, Quota
from .line import line_of


class Limiter:
    """A limit of requests per second, for any number of tasks, event loops and threads.

    At most `rate` requests are counted by the server in any sliding second; in the long run nobody
    who is never refused can send more. The package's docstring has the assumption, the cost and why it holds.

    Example:
        async with limiter.turn() as turn:
            response = await send()
            turn.answered()
            if response.status_code == 429:
                limiter.cool_down(1.0)

    Args:
        rate: requests per second, whole if above 1, or a fraction (0.2: one in five seconds). None: no
            limit, only cooldowns. Infinity: none is known, so only one that the server names is kept.
        ledger: of the scope that is limited; by default one of its own. Limiters over one ledger
            share its slots, and in each event loop one line.
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

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._rate!r})"

    def turn(self) -> Turn:
        """Return a place at the end of the line, for one request; enter it with ``async with``."""
        return Turn(self)

    def cool_down(self, seconds: float) -> None:
        """Let nobody who shares the ledger send for so long, because the server has refused; only ever later."""
        self.ledger.cool_down(seconds)

    def lower(self, rate: float) -> None:
        """Keep to this rate from now on, if it is lower: the server has named it. Only None isn't lowered."""
        check_rate(rate)
        self.ledger.lower(rate)

    def backlog(self) -> float:
        """Return the seconds after which who waits now will have gone, at the rate that is kept to."""
        return self.ledger.backlog(self.quota)

    def is_free(self) -> bool:
        """Return whether no rate is kept to, and nobody waits: there is no line to stand in."""
        return not self.ledger.waiting and math.isinf(self.quota.rate)

    def opens(self) -> float | None:
        """Return when a slot is free; None: not before one of those in flight has ended."""
        return self.ledger.opens(self.quota)


class Turn:
    """One request's place in all its limits, for ``async with``.

    Entering waits; leaving gives the slots back, as late as is safe: from when its answer began, or
    if an exception ends it before `answered` was called, as late as an answer may still have come.
    Who has more to do between waiting and sending calls `wait`, enters it with ``with``, and calls
    `sent`; until then the slots go back at once.

    It waits for its limits one after the other and takes all slots at once at the end: nobody holds
    one while waiting for another. Name the narrowest first, and everywhere in the same order.

    Attributes:
        waited: seconds that it waited.
    """

    def __init__(self, *limiters: Limiter) -> None:
        if len(limiters) > 1 and len({limiter.ledger for limiter in limiters}) < len(limiters):
            raise ConfigError("a turn passes each ledger once: it would wait for itself")
        self._limiters = limiters
        self._loop = asyncio.get_running_loop()
        self._held: list[Ledger] = []
        self._sent_at: float | None = None
        self._answered_at: float | None = None
        self.waited: float = 0.0

    async def wait(self, max_wait: float | None = None) -> None:
        """Take a slot of every limit; TimeoutError if that takes longer than max_wait seconds, holding none.

        It is raised at once if a cooldown has begun that lasts longer than that.
        """
        asked = time.monotonic()
        self._sent_at = self._answered_at = None
        self.waited = 0.0
        if max_wait is not None and max(limiter.ledger.not_before for limiter in self._limiters) > asked + max_wait:
            raise TimeoutError
        if all(map(Limiter.is_free, self._limiters)) and self._take():
            return
        for limiter in self._limiters:
            limiter.ledger.stand(limiter.quota)
        try:
            if max_wait is None:
                await self._stand(0)
            else:
                async with asyncio.timeout(max_wait):
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

    def answered(self) -> None:
        """Say that its answer has begun; whether it is a good one doesn't matter."""
        self._answered_at = time.monotonic()

    def timed(self, left: float | None, began: float | None) -> None:
        """Say when it left, once connected, and when its answer began; None for what isn't known.

        What connecting takes is no part of the way that other requests have.
        """
        self._sent_at = self._sent_at if left is None else left
        self._answered_at = began

    def give_back(self) -> None:
        """Give every slot back."""
        while self._held:
            self._held.pop().give_back(self._loop, sent_at=self._sent_at, answered_at=self._answered_at)

    async def _stand(self, place: int) -> bool:
        """Stand in the line of this limit and then of the next; False if an earlier one has closed meanwhile."""
        limiter = self._limiters[place]
        last = place + 1 == len(self._limiters)
        line = line_of(limiter.ledger, self._loop)
        mine = line.join(limiter.opens)
        try:
            while True:
                await line.slot(mine)
                if math.isfinite(limiter.quota.rate):
                    await line.spread(limiter.quota.rate)
                taken = self._take() if last else await self._stand(place + 1)
                if taken or place > 0:  # else all over again, still first in the first line
                    return taken
        finally:
            line.leave(mine)

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
        if not self._held:
            raise ConfigError("a turn has to be waited for: enter it with `async with`")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.give_back()


def check_rate(rate: float | None) -> None:
    """Raise ConfigError unless the rate is a positive finite number or None (no limit)."""
    number = isinstance(rate, (int, float)) and not isinstance(rate, bool)
    if rate is not None and not (number and rate > 0 and math.isfinite(rate)):
        raise ConfigError(f"rate={rate!r}: pass requests per second as a finite number above 0, or None for no limit")
