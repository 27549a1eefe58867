"""Does a request's CPU stay flat as tenants are added, and what does a task cost that waits for its turn?

Run: python -m benchmarks.growth
100 requests are always in flight, over 1 to 100 clients of as many tenants in one process. A task waits in the
limiter of a client that may send one request in 1,000 seconds. Each runs in a process of its own, interleaved.
"""

from __future__ import annotations

import asyncio
import sys
import tracemalloc
from contextlib import AsyncExitStack
from itertools import cycle

from benchmarks.measure import INSTANCE, TRANSPORTS, children, cpu, serving
from benchmarks.report import report, table
from workflowkit import JodooClient

LOGS, IN_FLIGHT, TOTAL, ROUNDS = 99, 100, 1000, 3
TENANTS = (1, 10, 100)
WAITING = 10_000


async def many(transport: str, address: str, tenants: int) -> float:
    """Return the CPU seconds of a page, fetched by the tenants in turn."""
    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(
                JodooClient("k", base_url=f"{address}/api", rate=None, transport=transport, tenant=f"tenant {number}")
            )
            for number in range(tenants)
        ]
        turns = cycle(clients)
        return await cpu(lambda: next(turns).workflow_logs(INSTANCE), IN_FLIGHT, TOTAL)


async def waiting(transport: str, address: str) -> float:
    """Return the bytes that a task takes while it waits for the limit, itself included."""
    async with JodooClient("k", base_url=f"{address}/api", rate=0.001, transport=transport) as client:

        async def fetch() -> object:
            return await client.workflow_logs(INSTANCE)

        await fetch()
        tracemalloc.start()
        tasks = [asyncio.create_task(fetch()) for _ in range(WAITING)]
        await asyncio.sleep(1)
        taken, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert client.limits()[0].waiting == WAITING
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return taken / WAITING


def child(transport: str, address: str, tenants: str) -> None:
    """Measure one of them and print it; no tenants: a task that waits."""
    print(asyncio.run(many(transport, address, int(tenants)) if int(tenants) else waiting(transport, address)))


def main() -> None:
    """Print the tables."""
    with serving(LOGS) as address:
        each = [(transport, address, tenants) for tenants in TENANTS for transport in TRANSPORTS]
        costs = [seconds for (seconds,) in children("benchmarks.growth", each, ROUNDS)]
        ((memory,),) = children("benchmarks.growth", [("httpx", address, 0)], 1)
    found = dict(zip([(transport, tenants) for transport, _, tenants in each], costs, strict=True))
    rows = [
        [
            f"{tenants:,}",
            *(
                f"{found[transport, tenants] * 1e3:.2f} ({found[transport, tenants] / found[transport, 1]:.2f}x)"
                for transport in TRANSPORTS
            ),
        ]
        for tenants in TENANTS
    ]
    text = table(["tenants", *(f"on {transport}" for transport in TRANSPORTS)], rows)
    report(
        "growth",
        f"Milliseconds of CPU for a page of {LOGS} logs, {IN_FLIGHT} in flight, and times one tenant's",
        f"{text}\n\nA task that waits for the limit takes {memory / 1000:.1f} kB, itself included.",
        bars={
            f"{tenants} tenants": {f"on {transport}": found[transport, tenants] * 1e3 for transport in TRANSPORTS}
            for tenants in TENANTS
        },
        axis="milliseconds of CPU for a page",
    )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        child(*sys.argv[1:])
    else:
        main()
