"""What the client itself takes of a request's CPU: all but the transport and decoding. With its profile.

Run: python -m benchmarks.share
The transport answers from memory, and decoding returns the page that it has returned before.
"""

from __future__ import annotations

import asyncio
import cProfile
import json
import pstats
import statistics
import sys
import time
from pathlib import Path

import workflowkit.client
from benchmarks.measure import INSTANCE, children, observe
from benchmarks.page_server import LOG
from benchmarks.report import report, table
from workflowkit import JodooClient
from workflowkit._decode.converter import decode
from workflowkit._decode.document import Document
from workflowkit._http.message import Request, Response, Timing
from workflowkit.jodoo.models import LogsPage
from workflowkit.redact import Headers

BODY = json.dumps({"logs": [LOG] * 99}).encode()
TOTAL, ROUNDS, SHOWN = 2000, 7, 12


class FromMemory:
    """A transport that sends nothing."""

    async def send(self, request: Request, *, timeout: float, timing: Timing) -> Response:
        timing.left = timing.began = time.monotonic()
        return Response(status=200, headers=Headers({"x-request-id": "r"}), content=BODY)

    async def aclose(self) -> None:
        """Nothing is open."""


async def fetch(number: int, *, observed: bool) -> float:
    """Return the CPU seconds that the client takes for so many pages."""
    observers = (observe,) if observed else ()
    async with JodooClient("k", base_url="http://127.0.0.1:9/api", rate=None, observers=observers) as client:
        client._transport = FromMemory()
        page = decode(Document(BODY), LogsPage)
        vars(workflowkit.client)["decode"] = lambda *_: page
        began = time.process_time()
        for _ in range(number):
            await client.workflow_logs(INSTANCE)
        return time.process_time() - began


def decoding(number: int) -> float:
    """Return the CPU seconds of decoding so many pages."""
    began = time.process_time()
    for _ in range(number):
        decode(Document(BODY), LogsPage)
    return time.process_time() - began


def child() -> None:
    """Print what a page takes without observers and with one, and what decoding it takes, interleaved."""
    parts: list[list[float]] = []
    for _ in range(TOTAL // 100):
        plain = asyncio.run(fetch(100, observed=False))
        watched = asyncio.run(fetch(100, observed=True))
        parts.append([plain / 100, watched / 100, decoding(100) / 100])
    print(*(statistics.median(each) for each in zip(*parts, strict=True)))


def profile() -> str:
    """Return where the client's own time goes, as Python's profiler sees it."""
    profiler = cProfile.Profile()
    profiler.enable()
    asyncio.run(fetch(TOTAL, observed=True))
    profiler.disable()
    home = str(Path(workflowkit.__file__).parent)
    known = pstats.Stats(profiler).stats  # type: ignore[attr-defined]
    own = [
        (spent, f"{Path(file).relative_to(home)}: {name}")
        for (file, _, name), (_, _, spent, _, _) in known.items()
        if file.startswith(home)
    ]
    rows = [[name, f"{spent / TOTAL * 1e6:.1f}"] for spent, name in sorted(own, reverse=True)[:SHOWN]]
    return table(["function, its callees left out, with one observer", "microseconds, profiled"], rows)


def main() -> None:
    """Print the table and the profile."""
    ((plain, watched, decoded),) = children("benchmarks.share", [("child",)], ROUNDS)
    kinds = {"nobody observes": plain, "one observer": watched, "decoding, for comparison": decoded}
    text = table(["", "microseconds"], [[name, f"{seconds * 1e6:.0f}"] for name, seconds in kinds.items()])
    report(
        "share",
        "Microseconds of CPU that the client takes for a request, but for transport and decoding",
        f"{text}\n\n{profile()}",
        bars={name: {"a page of 99 logs": seconds * 1e6} for name, seconds in kinds.items()},
        axis="microseconds of CPU",
    )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        child()
    else:
        main()
