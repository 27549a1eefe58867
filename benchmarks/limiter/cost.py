"""What waiting for the limiter costs in CPU, beside aiolimiter alone and beside a bare sleep.

Run: python -m benchmarks.limiter.cost
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from aiolimiter import AsyncLimiter

from workflowkit.ratelimit import Limiter, Turn

SECONDS = 5.0
Enter = Callable[[], AbstractAsyncContextManager[Any]]


def one(rate: float) -> Enter:
    return Limiter(rate).turn


def two(rate: float) -> Enter:
    narrow, broad = Limiter(rate), Limiter(rate * 2)
    return lambda: Turn(narrow, broad)


def alone(rate: float) -> Enter:
    burst = max(1.0, rate / 50)
    limiter = AsyncLimiter(burst, burst / rate)
    return lambda: limiter


async def saturated(enter: Enter, workers: int) -> float:
    """Return the CPU microseconds of one turn, of so many workers that always want one."""
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
    return cost * 1e6


async def sleeping(rate: float) -> float:
    """Return what one wake-up costs a process that does nothing else."""
    began = time.process_time()
    for _ in range(int(SECONDS * rate)):
        await asyncio.sleep(1 / rate)
    return (time.process_time() - began) / int(SECONDS * rate) * 1e6


def main() -> None:
    print("microseconds of CPU a turn\n")
    print("| limiter | rate | 1 waiting | 10 | 100 | 1,000 | 10,000 |\n|---|---|---|---|---|---|---|")
    contenders: dict[str, Callable[[float], Enter]] = {
        "`Limiter`": one,
        "two limits": two,
        "aiolimiter alone": alone,
    }
    for rate in (10_000, 30):
        for name, make in contenders.items():
            costs = [asyncio.run(saturated(make(rate), workers)) for workers in (1, 10, 100, 1000, 10_000)]
            print(f"| {name} | {rate:,}/s | {' | '.join(f'{cost:.0f}' for cost in costs)} |", flush=True)
    print(f"\na bare `asyncio.sleep(1 / 30)`, 30 times a second: {asyncio.run(sleeping(30)):.0f}")


if __name__ == "__main__":
    main()
