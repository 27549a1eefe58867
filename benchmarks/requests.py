"""What a request costs in CPU: typed logs from this client, against dicts from bare httpx.

Run: python -m benchmarks.requests
With aiohttp installed (the speedups extra) its transport takes part. Each contender runs in a process of
its own, interleaved; the server is another process, and its CPU isn't counted. Trust the ratios.
"""

from __future__ import annotations

import asyncio
import importlib.util
import math
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx

from workflowkit import JodooClient

SERVER = Path(__file__).with_name("page_server.py")
LOGS = 99
"""In a page: 100 would take a second request, to see that there are no more."""

ROUNDS = 3
IN_FLIGHT = (1, 10, 100, 1000)
INSTANCE = "6500cba90000000000000001"

Fetch = Callable[[], Awaitable[object]]


async def bare(port: int, in_flight: int) -> float:
    """Return the CPU seconds that a page takes as dicts."""
    body = {"instance_id": INSTANCE, "types": ["comment"], "skip": 0, "limit": 100}
    url = f"http://127.0.0.1:{port}/api/v1/workflow/instance/logs"
    async with httpx.AsyncClient(headers={"Authorization": "Bearer k"}) as client:

        async def fetch() -> object:
            return (await client.post(url, json=body)).json()["logs"]

        return await measure(fetch, in_flight)


async def typed(port: int, in_flight: int, transport: str) -> float:
    """Return the CPU seconds that a page takes as attrs objects, limits, retries and telemetry included."""
    address = f"http://127.0.0.1:{port}/api"
    async with JodooClient("k", base_url=address, rate=None, transport=transport) as client:

        async def fetch() -> object:
            return await client.workflow_logs(INSTANCE)

        return await measure(fetch, in_flight)


async def measure(fetch: Fetch, in_flight: int) -> float:
    """Return the CPU seconds of one page while so many are always under way."""
    total = max(300, 3 * in_flight)
    started = 0

    async def work(until: int) -> None:
        nonlocal started
        while started < until:
            started += 1
            await fetch()

    await asyncio.gather(*(work(in_flight) for _ in range(in_flight)))  # connect
    began = time.process_time()
    await asyncio.gather(*(work(in_flight + total) for _ in range(in_flight)))
    return (time.process_time() - began) / total


def child(contender: str, port: int, in_flight: int) -> None:
    """Measure one contender and print what it costs."""
    run = bare(port, in_flight) if contender == "httpx" else typed(port, in_flight, contender.rpartition(" ")[2])
    try:
        print(asyncio.run(run))
    except httpx.PoolTimeout:
        print("nan")


def cost(contender: str, port: str, in_flight: int) -> float:
    """Return what a contender costs, measured in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.requests", contender, port, str(in_flight)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def cell(seconds: float, peer: float) -> str:
    """Return what is shown of a cost."""
    if math.isnan(seconds):
        return "fails: no connection in time"
    return f"{seconds * 1e3:.2f}" + ("" if math.isnan(peer) else f" ({seconds / peer:.2f}x)")


def main() -> None:
    """Print the table."""
    contenders = ["httpx", "workflowkit on httpx"]
    if importlib.util.find_spec("aiohttp"):
        contenders.append("workflowkit on aiohttp")
    server = subprocess.Popen([sys.executable, str(SERVER), str(LOGS)], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    port = server.stdout.readline().strip()
    print(f"CPU milliseconds for a page of {LOGS} logs, and times bare httpx with as many requests in flight\n")
    print("| in flight | " + " | ".join(contenders) + " |\n|---|" + "---|" * len(contenders))
    for in_flight in IN_FLIGHT:
        rounds = [[cost(contender, port, in_flight) for contender in contenders] for _ in range(ROUNDS)]
        medians = [statistics.median(each) for each in zip(*rounds, strict=True)]
        print(f"| {in_flight:,} | " + " | ".join(cell(each, medians[0]) for each in medians) + " |", flush=True)
    server.kill()
    server.wait()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        child(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
    else:
        main()
