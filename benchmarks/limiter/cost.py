"""What waiting for the limiter costs in CPU, beside aiolimiter alone and beside a bare sleep.

Run: python -m benchmarks.limiter.cost
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from aiolimiter import AsyncLimiter

from benchmarks.measure import children
from benchmarks.report import report, table
from workflowkit.ratelimit import Limiter, Permit

SECONDS = 4.0
ROUNDS = 3
PLACES = [*((10_000, waiting) for waiting in (1, 10, 100, 1000, 10_000)), (30, 1), (30, 1000)]
"""Requests per second, and how many tasks always wait."""

Enter = Callable[[], AbstractAsyncContextManager[Any]]


def one(rate: float) -> Enter:
    return Limiter(rate).permit


def two(rate: float) -> Enter:
    narrow, broad = Limiter(rate), Limiter(rate * 2)
    return lambda: Permit(narrow, broad)


def alone(rate: float) -> Enter:
    burst = max(1.0, rate / 50)
    limiter = AsyncLimiter(burst, burst / rate)
    return lambda: limiter


CONTENDERS = {"`Limiter`": one, "two limits, as clients have": two, "aiolimiter alone": alone}
SLEEP = "a bare `asyncio.sleep`"


async def saturated(enter: Enter, workers: int) -> float:
    """Return the CPU seconds of one permit, of so many workers that always want one."""
    turns = 0

    async def work() -> None:
        nonlocal turns
        while True:
            async with enter():
                turns += 1

    tasks = [asyncio.create_task(work()) for _ in range(workers)]
    await asyncio.sleep(1.5)  # the first second's burst is over
    began, before = time.process_time(), turns
    await asyncio.sleep(SECONDS)
    cost = (time.process_time() - began) / (turns - before)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return cost


async def sleeping(rate: float) -> float:
    """Return what one wake-up costs a process that does nothing else."""
    number = int(SECONDS * rate)
    began = time.process_time()
    for _ in range(number):
        await asyncio.sleep(1 / rate)
    return (time.process_time() - began) / number


def child(name: str, rate: float, workers: int) -> None:
    print(asyncio.run(sleeping(rate) if name == SLEEP else saturated(CONTENDERS[name](rate), workers)))


def main() -> None:
    runs = [*((name, *place) for name in CONTENDERS for place in PLACES), (SLEEP, 30, 1)]
    found = children("benchmarks.limiter.cost", runs, ROUNDS)
    costs = {run: seconds * 1e6 for run, (seconds,) in zip(runs, found, strict=True)}
    head = ["microseconds of CPU a permit", *(f"{rate:,}/s, {waiting:,}" for rate, waiting in PLACES)]
    rows = [
        [name, *(f"{costs[name, *place]:.0f}" if (name, *place) in costs else "" for place in PLACES)]
        for name in (*CONTENDERS, SLEEP)
    ]
    report(
        "cost",
        "Microseconds of CPU that a permit takes, by how many a second there are and how many tasks always wait",
        table(head, rows),
        bars={f"{rate:,}/s, {n:,} wait": {name: costs[name, rate, n] for name in CONTENDERS} for rate, n in PLACES},
        axis="microseconds of CPU a permit",
    )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        child(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]))
    else:
        main()
