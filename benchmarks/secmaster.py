"""An instance of SecMaster with its topology, signed: this client beside the vendor's own SDK, 100 in flight.

Run: python -m benchmarks.secmaster
It needs huaweicloudsdksecmaster. Each runs in a process of its own, interleaved; the server is another.
"""

from __future__ import annotations

import asyncio
import sys
import time
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from benchmarks.measure import TRANSPORTS, children, serving
from benchmarks.report import report, table
from workflowkit import AccessKey, SecMasterClient

PROJECT, WORKSPACE = "0a1b2c3d4e5f60718293a4b5c6d7e8f9", "909494e3-558e-46b6-a9eb-07a8e18ca62f"
INSTANCE = "8eed56de-7aaf-4732-baaf-000000000073"
IN_FLIGHT = 100
REQUESTS = 1000
ROUNDS = 5


async def ours(address: str, transport: str) -> tuple[float, float]:
    """Return the seconds, by the clock and of CPU, that a request takes."""
    async with SecMasterClient(
        AccessKey("AK", "SK"),
        base_url=address,
        project_id=PROJECT,
        workspace_id=WORKSPACE,
        rate=None,
        transport=transport,
    ) as client:

        async def some(number: int) -> None:
            for _ in range(number):
                await client.workflow_instance(INSTANCE, show_topology=True)

        await asyncio.gather(*(some(1) for _ in range(IN_FLIGHT)))
        began, cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(*(some(REQUESTS // IN_FLIGHT) for _ in range(IN_FLIGHT)))
        return (time.perf_counter() - began) / REQUESTS, (time.process_time() - cpu) / REQUESTS


def theirs(address: str) -> tuple[float, float]:
    """Return the same of the vendor's asynchronous client: threads, eight of them."""
    sdk: Any = import_module("huaweicloudsdksecmaster.v1")
    credentials = import_module("huaweicloudsdkcore.auth.credentials").BasicCredentials("AK", "SK", PROJECT)
    client = sdk.SecMasterAsyncClient.new_builder().with_credentials(credentials).with_endpoint(address).build()
    request = sdk.ShowAopWorkflowInstanceRequest(workspace_id=WORKSPACE, instance_id=INSTANCE, show_topology=True)

    def some(number: int) -> None:
        under_way = [client.show_aop_workflow_instance_async(request) for _ in range(number)]
        for each in under_way:
            assert each.result().id == INSTANCE

    some(IN_FLIGHT)
    began, cpu = time.perf_counter(), time.process_time()
    for _ in range(REQUESTS // IN_FLIGHT):
        some(IN_FLIGHT)
    return (time.perf_counter() - began) / REQUESTS, (time.process_time() - cpu) / REQUESTS


def child(contender: str, address: str) -> None:
    """Measure one contender and print what it takes."""
    kind = contender.rpartition(" ")[2]
    print(*(theirs(address) if contender == "vendor" else asyncio.run(ours(address, kind))))


def main() -> None:
    """Print a table for a server that answers at once, and for one that takes 50 ms."""
    if find_spec("huaweicloudsdksecmaster") is None:
        raise SystemExit("this compares with the vendor's own SDK: pip install huaweicloudsdksecmaster")
    contenders = ("vendor", *(f"workflowkit on {transport}" for transport in TRANSPORTS))
    rows, bars = [], {}
    for delay in (0.0, 0.05):
        with serving("instance", delay) as address:
            figures = children("benchmarks.secmaster", [(contender, address) for contender in contenders], ROUNDS)
        peer_clock, peer_cpu = figures[0]
        label = f"the server takes {delay * 1e3:.0f} ms"
        for contender, (clock, cpu) in zip(contenders, figures, strict=True):
            faster, share = f"{peer_clock / clock:.1f}x", f"{cpu / peer_cpu:.2f}x"
            rows.append([label, contender, f"{1 / clock:,.0f}", faster, f"{cpu * 1e3:.2f}", share])
        bars[label] = {contender: 1 / clock for contender, (clock, _) in zip(contenders, figures, strict=True)}
    report(
        "secmaster",
        f"An instance with its topology, signed, {IN_FLIGHT} in flight",
        table(["", "", "requests a second", "", "CPU ms a request", ""], rows),
        bars=bars,
        axis="requests a second",
    )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        child(sys.argv[1], sys.argv[2])
    else:
        main()
