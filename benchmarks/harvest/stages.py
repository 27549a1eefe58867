"""Where a harvest's CPU goes: the transport, the client with its decoding, and writing; pages of 5 and of 99 logs.

Run: python -m benchmarks.harvest.stages
The transport alone, a client, and a harvest fetch the same pages, 20 in flight, without a limit; a stage is
what one of them takes beyond the one before. Each runs in a process of its own, interleaved.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from benchmarks.measure import INSTANCE, TRANSPORTS, children, cpu, serving
from benchmarks.report import report, table
from workflowkit import Archive, JodooClient, harvest
from workflowkit._http import make_transport
from workflowkit._http.message import Request, Timing
from workflowkit.redact import Headers

STAGES = ("transport", "client and decoding", "writing")
PAGES = (5, 99)
IN_FLIGHT, TOTAL, ROUNDS = 20, 1500, 5


async def transport(kind: str, address: str) -> float:
    """Return the CPU seconds of an exchange, not decoded."""
    wire = make_transport(kind, address)
    url = f"{address}/api/v1/workflow/instance/logs"

    async def send() -> object:
        headers = Headers({"Authorization": "Bearer k", "Content-Type": "application/json"})
        request = Request(method="POST", url=url, headers=headers, content=b'{"instance_id": "1"}')
        return await wire.send(request, timeout=30, timing=Timing())

    try:
        return await cpu(send, IN_FLIGHT, TOTAL)
    finally:
        await wire.aclose()


async def fetching(kind: str, address: str) -> float:
    """Return the CPU seconds of a typed page."""
    async with JodooClient("k", base_url=f"{address}/api", rate=None, transport=kind) as client:
        return await cpu(lambda: client.workflow_logs(INSTANCE), IN_FLIGHT, TOTAL)


async def harvesting(kind: str, address: str) -> float:
    """Return the CPU seconds of an instance of one page, harvested."""
    ids = [f"6500cba9{number:016x}" for number in range(IN_FLIGHT + TOTAL)]
    with tempfile.TemporaryDirectory() as folder:
        async with (
            JodooClient("k", base_url=f"{address}/api", rate=None, transport=kind) as client,
            Archive.open(Path(folder) / "a.db") as archive,
        ):
            await harvest(client.log_source(ids[:IN_FLIGHT]), archive, concurrency=IN_FLIGHT)
            began = time.process_time()
            await harvest(client.log_source(ids), archive, concurrency=IN_FLIGHT)
            return (time.process_time() - began) / TOTAL


RUNS: dict[str, Callable[[str, str], Awaitable[float]]] = {
    "transport": transport,
    "fetching": fetching,
    "harvesting": harvesting,
}


async def child(name: str, kind: str, address: str) -> None:
    """Measure one of them and print what a page takes."""
    print(await RUNS[name](kind, address))


def main() -> None:
    """Print the table."""
    rows, bars = [], {}
    for logs in PAGES:
        with serving(logs) as address:
            for kind in TRANSPORTS:
                each = [(name, kind, address) for name in RUNS]
                (wire,), (fetched,), (harvested,) = children("benchmarks.harvest.stages", each, ROUNDS)
                parts = dict(zip(STAGES, (wire, fetched - wire, harvested - fetched), strict=True))
                cells = [f"{seconds * 1e6:.0f} ({seconds / harvested:.0%})" for seconds in parts.values()]
                rows.append([str(logs), kind, *cells, f"{harvested * 1e6:.0f}", f"{logs / harvested:,.0f}"])
                bars[f"{logs} logs, {kind}"] = {stage: seconds * 1e3 for stage, seconds in parts.items()}
    text = table(["logs in a page", "transport", *STAGES, "together", "logs a second, one core"], rows)
    report(
        "stages",
        "Microseconds of CPU for a page, by stage of a harvest",
        text,
        bars=bars,
        axis="milliseconds of CPU for a page",
    )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        asyncio.run(child(*sys.argv[1:]))
    else:
        main()
