"""How long an event loop stands still while pages of 10 MB are read: this client beside bare httpx.

Run: python -m benchmarks.large
Each reads in a process of its own, while another task looks every millisecond how late it is; interleaved.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable

import httpx

from benchmarks.measure import INSTANCE, TRANSPORTS, children, serving
from benchmarks.report import report, table
from workflowkit import JodooClient

LOGS = 26_000
PAGES, ROUNDS = 5, 3
CONTENDERS = ("httpx", *(f"workflowkit on {transport}" for transport in TRANSPORTS))


async def watched(fetch: Callable[[], Awaitable[object]]) -> tuple[float, float]:
    """Return the longest that the loop stood still, and what a page took, in seconds."""
    latest = 0.0

    async def look() -> None:
        nonlocal latest
        while True:
            began = time.perf_counter()
            await asyncio.sleep(0.001)
            latest = max(latest, time.perf_counter() - began - 0.001)

    await fetch()
    looking = asyncio.create_task(look())
    began = time.perf_counter()
    for _ in range(PAGES):
        await fetch()
    took = (time.perf_counter() - began) / PAGES
    looking.cancel()
    return latest, took


async def bare(address: str) -> tuple[float, float]:
    async with httpx.AsyncClient() as client:

        async def fetch() -> object:
            return (await client.post(f"{address}/api/v1/workflow/instance/logs", json={})).json()["logs"]

        return await watched(fetch)


async def typed(address: str, transport: str) -> tuple[float, float]:
    async with JodooClient("k", base_url=f"{address}/api", rate=None, transport=transport) as client:
        return await watched(lambda: anext(client.workflow_logs(INSTANCE).pages()))


def child(contender: str, address: str) -> None:
    """Measure one contender and print it."""
    run = bare(address) if contender == CONTENDERS[0] else typed(address, contender.rpartition(" ")[2])
    print(*asyncio.run(run))


def main() -> None:
    """Print the table."""
    with serving(LOGS) as address:
        figures = children("benchmarks.large", [(contender, address) for contender in CONTENDERS], ROUNDS)
    found = dict(zip(CONTENDERS, figures, strict=True))
    peer = found[CONTENDERS[0]]
    rows = [
        [
            name,
            *(f"{seconds * 1e3:.0f} ({seconds / of_peer:.2f}x)" for seconds, of_peer in zip(each, peer, strict=True)),
        ]
        for name, each in found.items()
    ]
    report(
        "large",
        "Milliseconds that an event loop stands still for a page of 10 MB",
        table(["", "stands still", "a page takes"], rows),
        bars={"the loop stands still": {name: stalled * 1e3 for name, (stalled, _) in found.items()}},
        axis="milliseconds",
    )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        child(*sys.argv[1:])
    else:
        main()
