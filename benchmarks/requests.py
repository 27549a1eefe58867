"""What a request costs in CPU: typed logs from this client, against dicts from bare httpx.

Run: python -m benchmarks.requests
With aiohttp installed (the speedups extra) its transport takes part. Each contender runs in a process of
its own, interleaved; the server is another process, and its CPU isn't counted. Trust the ratios.
"""

from __future__ import annotations

import asyncio
import math
import sys

import httpx

from benchmarks.measure import INSTANCE, TRANSPORTS, children, cpu, observe, serving
from benchmarks.report import report, table
from workflowkit import JodooClient

LOGS = 99
"""In a page: 100 would take a second request, to see that there are no more."""

ROUNDS = 9
IN_FLIGHT = (1, 10, 100, 1000)
PEER = "httpx"
CONTENDERS = (PEER, *(f"workflowkit on {transport}" for transport in TRANSPORTS))


async def bare(address: str, in_flight: int) -> float:
    """Return the CPU seconds that a page takes as dicts."""
    body = {"instance_id": INSTANCE, "types": ["comment"], "skip": 0, "limit": 100}
    url = f"{address}/api/v1/workflow/instance/logs"
    async with httpx.AsyncClient(headers={"Authorization": "Bearer k"}) as client:

        async def fetch() -> object:
            return (await client.post(url, json=body)).json()["logs"]

        return await cpu(fetch, in_flight, max(300, 3 * in_flight))


async def typed(address: str, in_flight: int, transport: str) -> float:
    """Return the CPU seconds that a page takes as attrs objects, without a limit, observed."""
    base_url = f"{address}/api"
    async with JodooClient("k", base_url=base_url, rate=None, transport=transport, observers=[observe]) as client:
        return await cpu(lambda: client.workflow_logs(INSTANCE), in_flight, max(300, 3 * in_flight))


def child(contender: str, address: str, in_flight: int) -> None:
    """Measure one contender and print what it costs."""
    run = bare(address, in_flight) if contender == PEER else typed(address, in_flight, contender.rpartition(" ")[2])
    try:
        print(asyncio.run(run))
    except httpx.PoolTimeout:
        print("nan")


def cell(seconds: float, peer: float) -> str:
    """Return what is shown of a cost."""
    if math.isnan(seconds):
        return "fails: no connection in time"
    return f"{seconds * 1e3:.2f}" + ("" if math.isnan(peer) else f" ({seconds / peer:.2f}x)")


def main() -> None:
    """Print the table."""
    rows, bars = [], {}
    with serving(LOGS) as address:
        for in_flight in IN_FLIGHT:
            each = [(contender, address, in_flight) for contender in CONTENDERS]
            costs = [seconds for (seconds,) in children("benchmarks.requests", each, ROUNDS)]
            rows.append([f"{in_flight:,}", *(cell(seconds, costs[0]) for seconds in costs)])
            bars[f"{in_flight:,} in flight"] = {
                contender: seconds * 1e3
                for contender, seconds in zip(CONTENDERS, costs, strict=True)
                if not math.isnan(seconds)
            }
    report(
        "requests",
        f"Milliseconds of CPU for a page of {LOGS} logs, and times bare httpx with as many requests in flight",
        table(["in flight", *CONTENDERS], rows),
        bars=bars,
        axis="milliseconds of CPU for a page; bare httpx with 1,000 in flight: no connection in time",
    )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        child(sys.argv[1], sys.argv[2], int(sys.argv[3]))
    else:
        main()
