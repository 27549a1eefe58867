"""A server that answers every request with the same page of logs, or SecMaster instance. Prints its port.

Run: python benchmarks/page_server.py LOGS_PER_PAGE|instance [SECONDS_OF_DELAY]
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


NODE = {
    "id": "b1c2",
    "action_id": "closeAlerts",
    "action_name": "closeAlerts",
    "start_time": "2025-07-18T15:11:04.577Z+0800",
    "end_time": "2025-07-18T15:11:06.577Z+0800",
    "status": "FINISHED",
    "input": "{}",
    "output": "{}",
    "error_msg": "",
}
INSTANCE = {
    "id": "8eed56de-7aaf-4732-baaf-000000000073",
    "name": "Block an attacking address",
    "workflow": {"id": "w", "name": "Block an attacking address", "version": "v1"},
    "dataclass": {"id": "d", "name": "Alert"},
    "playbook": {"id": "p", "name": "Block"},
    "trigger_type": "EVENT",
    "status": "FINISHED",
    "start_time": "2025-07-18T15:11:04.577Z+0800",
    "end_time": "2025-07-18T15:11:14.577Z+0800",
    "retry_count": 0,
    "topology": {"audit_logs": [NODE] * 5},
}


class Page(asyncio.Protocol):
    """Answers whenever a request's body has come to its end."""

    answer = b""
    delay = 0.0

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.received = b""

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, _, body = self.received.partition(b"\r\n\r\n")
        length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
        if (length or head.startswith(b"GET")) and len(body) >= int(length or 0):
            self.received = b""
            if self.delay:
                asyncio.get_running_loop().call_later(self.delay, self.transport.write, self.answer)
            else:
                self.transport.write(self.answer)


async def main(kind: str, delay: str = "0") -> None:
    Page.delay = float(delay)
    body = json.dumps(INSTANCE if kind == "instance" else {"logs": [LOG] * int(kind)}).encode()
    Page.answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    server = await asyncio.get_running_loop().create_server(Page, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
