"""The vendor's own sample, served as it stands by a plain server and read over a real socket."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from workflowkit import JodooClient
from workflowkit.jodoo import Attachment, Member, Signature

SAMPLE = Path(__file__).parents[1] / "data/jodoo/jodoo_logs_response.json"
LINK = (
    "https://files.jodoo.com/FtMNaGofTPeLMFW5_5SCs8w2mX8h?e=1595347199"
    "&token=bM7UwVPyBBdPaleBZt21SWKzMylqPUpn-05jZlas:iac5fKQqYDZkF1YyvJUm4YRDPzg="
)


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers every POST with the sample, and keeps what was asked."""

    asked: list[tuple[str, bytes]]

    def do_POST(self) -> None:
        self.asked.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
        body = SAMPLE.read_bytes()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def server() -> Iterator[http.server.HTTPServer]:
    Handler.asked = []
    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


async def test_the_seeds_sample_field_by_field(server):
    async with JodooClient("k", base_url=f"http://127.0.0.1:{server.server_port}/api") as jodoo:
        (page,) = [page async for page in jodoo.workflow_logs("659cba93489a49c06f7d4281", limit=10).pages()]
    ((path, asked),) = Handler.asked
    assert path == "/api/v1/workflow/instance/logs"
    expected = {"instance_id": "659cba93489a49c06f7d4281", "types": ["comment"], "skip": 0, "limit": 10}
    assert json.loads(asked) == expected
    (log,) = page.items
    assert (log.flow_id, log.flow_name) == (1, "Signature required")
    assert (log.create_action, log.finish_action) == ("forward", "forward")
    assert log.create_time == datetime(2024, 1, 9, 3, 16, 35, 447_000, tzinfo=UTC)
    assert log.finish_time == datetime(2024, 1, 9, 3, 17, 3, 239_000, tzinfo=UTC)
    assert log.comment == "Approval comment"
    assert log.signature == Signature(url=LINK)
    assert log.attachments == (
        Attachment(name="Image.jpeg", size=74935, mime="image/jpeg", url=LINK),
        Attachment(name="6b2cc009-141d-44c4-b5fc-5d01667ee0f8.jpg", size=33174, mime="image/jpeg", url=LINK),
        Attachment(name="24x24.png", size=34281, mime="image/png", url=LINK),
    )
    assert log.operator == Member(username="Jodoo", name="Jodoo", departments=(1,), type=0, status=1)
    assert log.extra == {}
    assert json.loads(page.raw[0]) == json.loads(SAMPLE.read_text())["logs"][0]
