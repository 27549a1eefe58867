"""A server that accepts at most 30 requests in any sliding second, behind a network that takes its time."""

from __future__ import annotations

import asyncio
import json
import random
import socket
from collections.abc import Callable

from workflowkit.sandbox.limits import SlidingSecond

RATE = 30

Trip = Callable[[random.Random], tuple[float, float]]
"""Seconds there and back, for one request."""

NETWORKS: dict[str, Trip] = {
    "no delay": lambda _: (0.0, 0.0),
    "0-80 ms there": lambda dice: (dice.uniform(0, 0.080), 0.0),
    "round trip 50 ± 20 ms": lambda dice: (dice.uniform(0.015, 0.035), dice.uniform(0.015, 0.035)),
    "round trip 200 ± 40 ms": lambda dice: (dice.uniform(0.080, 0.120), dice.uniform(0.080, 0.120)),
}


class Strict:
    """Counts by its own clock, at the moment a request arrives."""

    def __init__(self) -> None:
        self._second = SlidingSecond(RATE)
        self.accepted: list[float] = []
        self.arrived: list[float] = []

    def accepts(self) -> bool:
        """Count one that arrives now."""
        now = asyncio.get_running_loop().time()
        self.arrived.append(now)
        if self._second.is_full():
            return False
        self._second.accept()
        self.accepted.append(now)
        return True

    def result(self, seconds: float) -> dict[str, float]:
        """Return what came within so many seconds of the first arrival."""
        if not self.arrived:
            return {"used": 0.0, "refused": 0.0, "first": 0}
        since = self.arrived[0]
        accepted = sum(at < since + seconds for at in self.accepted)
        arrived = sum(at < since + seconds for at in self.arrived)
        return {
            "used": 100 * accepted / (RATE * seconds),
            "refused": 1000 * (arrived - accepted) / arrived,
            "first": sum(at < since + 1.0 for at in self.arrived),
        }


class Connection(asyncio.Protocol):
    """HTTP/1.1, as much of it as the benchmark sends: one request at a time, with no body."""

    def __init__(self, strict: Strict, trip: Trip, dice: random.Random, seconds: float) -> None:
        self._strict, self._trip, self._dice, self._seconds = strict, trip, dice, seconds
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]
        self._transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._received.endswith(b"\r\n\r\n"):
            return
        asked, self._received = self._received, b""
        if asked.startswith(b"GET /result"):
            self.answer(200, json.dumps(self._strict.result(self._seconds)).encode())
            return
        there, back = self._trip(self._dice)
        loop = asyncio.get_running_loop()
        loop.call_later(there, self.arrive, back) if there else self.arrive(back)

    def arrive(self, back: float) -> None:
        """Count it, and send the answer on its way."""
        status = 200 if self._strict.accepts() else 429
        loop = asyncio.get_running_loop()
        loop.call_later(back, self.answer, status, b"{}") if back else self.answer(status, b"{}")

    def answer(self, status: int, body: bytes) -> None:
        """Send the answer."""
        head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        self._transport.write(head.encode() + body)


def serve(listening: socket.socket, network: str, seconds: float) -> None:
    """Serve on the socket until the process is stopped."""

    async def main() -> None:
        strict, dice = Strict(), random.Random(1)
        server = await asyncio.get_running_loop().create_server(
            lambda: Connection(strict, NETWORKS[network], dice, seconds), sock=listening
        )
        await server.serve_forever()

    asyncio.run(main())
