"""How things are measured: a server of its own, contenders in processes of their own, CPU instead of the clock."""

from __future__ import annotations

import asyncio
import importlib.util
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from workflowkit.telemetry import Telemetry

SERVER = Path(__file__).with_name("page_server.py")
INSTANCE = "6500cba90000000000000001"

TRANSPORTS = ("httpx", "aiohttp") if importlib.util.find_spec("aiohttp") else ("httpx",)
"""Those that are installed."""


def observe(_: Telemetry) -> None:
    """Look at a record, as a progress bar would."""


@contextmanager
def serving(kind: object, delay: float = 0.0) -> Iterator[str]:
    """Let a server answer with pages of so many logs, or instances; its address."""
    command = [sys.executable, str(SERVER), str(kind), str(delay)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        yield f"http://127.0.0.1:{server.stdout.readline().strip()}"
    finally:
        server.kill()
        server.wait()


async def cpu(fetch: Callable[[], Awaitable[object]], in_flight: int, total: int) -> float:
    """Return the CPU seconds of one call while so many are always under way, after as many that connect."""
    started = 0

    async def work(until: int) -> None:
        nonlocal started
        while started < until:
            started += 1
            await fetch()

    await asyncio.gather(*(work(in_flight) for _ in range(in_flight)))
    began = time.process_time()
    await asyncio.gather(*(work(in_flight + total) for _ in range(in_flight)))
    return (time.process_time() - began) / total


def children(module: str, contenders: Sequence[Sequence[object]], rounds: int) -> list[list[float]]:
    """Return the figures that each contender, a module's arguments, prints: medians of interleaved rounds."""
    figures: list[list[list[float]]] = [[] for _ in contenders]
    for _ in range(rounds):
        for contender, found in zip(contenders, figures, strict=True):
            command = [sys.executable, "-m", module, *map(str, contender)]
            printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            found.append([float(figure) for figure in printed.splitlines()[-1].split()])
    return [[statistics.median(each) for each in zip(*found, strict=True)] for found in figures]
