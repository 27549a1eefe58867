"""Virtual time: an event loop whose clock jumps to the next timer, and a server that counts strictly.

Minutes run in milliseconds, and every run repeats exactly. Timers fire late by what they are rounded up
to, a millisecond, and a share of wake-ups may stall, as those of a real loop do.
"""

from __future__ import annotations

import asyncio
import math
import random
import selectors
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar
from unittest import mock

import pytest

from workflowkit.ratelimit import Limiter, Permit

T = TypeVar("T")
Delay = Callable[[random.Random], float]


class Clock:
    """The monotonic clock of a simulation, in seconds."""

    def __init__(self, stalls: float = 0.0, seed: int = 0) -> None:
        self.now = 1000.0
        self._stalls = stalls
        self._dice = random.Random(seed)

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += math.ceil(seconds * 1e3) * 1e-3
        if self._dice.random() < self._stalls:
            self.now += self._dice.uniform(0.01, 0.2)


class _Selector(selectors.DefaultSelector):
    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise RuntimeError("deadlock: everyone waits, and no timer is set")
        if timeout > 0:
            self._clock.wait(timeout)
        self._clock.now += 1e-9  # nothing takes no time
        return []


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self, clock: Clock) -> None:
        self._now = clock
        super().__init__(_Selector(clock))

    def time(self) -> float:
        return self._now()


class Server:
    """Accepts at most so many requests in any sliding window, by the clock of the simulation."""

    def __init__(self, clock: Clock, limit: int, window: float = 1.0) -> None:
        self._clock = clock
        self._limit = limit
        self._window = window
        self._counted: deque[float] = deque()
        self.accepted: list[float] = []
        self.refused = 0

    def arrive(self) -> bool:
        while self._counted and self._counted[0] <= self._clock.now - self._window:
            self._counted.popleft()
        if len(self._counted) >= self._limit:
            self.refused += 1
            return False
        self._counted.append(self._clock.now)
        self.accepted.append(self._clock.now)
        return True


class Simulation:
    """Runs a coroutine in virtual time."""

    def __init__(self, *, stalls: float = 0.0, seed: int = 0) -> None:
        self.clock = Clock(stalls, seed)
        self.dice = random.Random(seed)

    def server(self, limit: int, window: float = 1.0) -> Server:
        return Server(self.clock, limit, window)

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        with mock.patch("time.monotonic", self.clock):
            loop = _Loop(self.clock)
            unhandled: list[dict[str, Any]] = []
            loop.set_exception_handler(lambda _, context: unhandled.append(context))
            try:
                result = loop.run_until_complete(main)
            finally:
                loop.close()
        assert unhandled == []
        return result

    async def exchange(self, permit: Permit, up: float, down: float, *servers: Server) -> bool:
        """Wait for the permit and send: True if all servers accepted it."""
        async with permit:
            await asyncio.sleep(up)
            answers = [server.arrive() for server in servers]
            await asyncio.sleep(down)
        return all(answers)

    async def saturate(
        self, make: Callable[[], Permit], servers: list[Server], *, workers: int, seconds: float, up: Delay, down: Delay
    ) -> None:
        """Let so many workers send as often as they may, for so long."""
        until = self.clock.now + seconds

        async def work() -> None:
            while self.clock.now < until:
                await self.exchange(make(), up(self.dice), down(self.dice), *servers)

        tasks = [asyncio.create_task(work()) for _ in range(workers)]
        await asyncio.sleep(seconds)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def utilization(
        self, rate: int, seconds: float, *, workers: int, up: Delay, down: Delay
    ) -> tuple[float, int, Server]:
        """Return accepted requests in percent of the limit, how many were refused, and the server."""
        server = self.server(rate)
        limiter = Limiter(rate)
        self.run(self.saturate(limiter.permit, [server], workers=workers, seconds=seconds, up=up, down=down))
        accepted = sum(at < 1000.0 + seconds for at in server.accepted)
        return accepted / (rate * seconds) * 100, server.refused, server


@pytest.fixture(scope="session")
def simulation() -> type[Simulation]:
    return Simulation


@pytest.fixture
def now(monkeypatch):
    """The monotonic clock, to be set: ``now[0] = 10.0``."""
    clock = [10.0]
    monkeypatch.setattr("workflowkit.ratelimit.window.time.monotonic", lambda: clock[0])
    yield clock
    monkeypatch.undo()


@pytest.fixture
def loop():
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()
