"""A server that answers every request for logs with the same page, as fast as Python can. Prints its port.

Run: python benchmarks/page_server.py LOGS_PER_PAGE
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

LOG = {
    "flow_id": 1,
    "flow_name": "Manager approval",
    "create_time": "2024-01-09T03:16:35.447Z",
    "create_action": "forward",
    "finish_time": "2024-01-09T05:12:11.902Z",
    "finish_action": "forward",
    "operator": {"username": "u1001", "name": "Ada Park", "departments": [1, 2], "type": 0, "status": 1},
    "comment": "Two offers are enough for this amount; the cheaper one is faster.",
    "attachments": [],
}


class Page(asyncio.Protocol):
    """Answers whenever a request's body has come to its end."""

    answer = b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.received = b""

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, _, body = self.received.partition(b"\r\n\r\n")
        length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
        if length and len(body) >= int(length):
            self.received = b""
            self.transport.write(self.answer)


async def main(logs: int) -> None:
    body = json.dumps({"logs": [LOG] * logs}).encode()
    Page.answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    server = await asyncio.get_running_loop().create_server(Page, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
