"""Save files in child processes that end, without any notice, just before the n-th step, for every n.

A step is a call that changes the folder of files, or a statement of the archive about them. Prints the
number of crashes, how many ended differently from an undisturbed harvest once it had been run again,
and the most downloads that one crash has cost.
"""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from threading import Thread
from typing import Any

from dying import CRASHED, in_a_child, steps_until
from given import KINDS, Given, log_row
from stored import rows

from workflowkit import Archive, FileStore, harvest
from workflowkit.archive import writer
from workflowkit.source import AttachmentRow

FILES = {"/small": b"small", "/twin": b"small", "/large": bytes(range(256)) * 10_000}
TOUCHING = ("open", "write", "ftruncate", "fsync", "replace", "mkdir")
ALL = (
    "SELECT link, state, reason, path, sha256, bytes FROM files ORDER BY link",
    "SELECT * FROM attachments ORDER BY instance_id, position, ordinal",
)


class Handler(BaseHTTPRequestHandler):
    """Serves the files; the large one in parts as well."""

    asked = 0

    def do_GET(self) -> None:
        type(self).asked += 1
        content = FILES[self.path.partition("?")[0]]
        start = int(self.headers.get("Range", "bytes=0-")[6:-1])
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("ETag", '"x"')
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        self.wfile.write(content[start:])

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def crash(at: int) -> None:
    """Let the process end before the n-th step."""
    step = steps_until(at)

    def stepping(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            if "files" in str(arguments[0]) or isinstance(arguments[0], int):
                step()
            return function(*arguments, **options)

        return call

    for name in TOUCHING:
        setattr(os, name, stepping(getattr(os, name)))
    transact = writer.Writer._transact

    def watched(self: writer.Writer[Any], connection: sqlite3.Connection, group: list[writer._Call]) -> None:
        connection.set_trace_callback(lambda statement: step() if "UPDATE files" in statement else None)
        transact(self, connection, group)

    setattr(writer.Writer, "_transact", watched)  # noqa: B010


async def work(folder: Path, port: int) -> None:
    later = datetime.now(UTC).replace(microsecond=0) + timedelta(days=6)
    links = [
        AttachmentRow(
            position=0,
            ordinal=n,
            name=path,
            size=len(content),
            mime=None,
            url=f"http://127.0.0.1:{port}{path}?e=1",
            expires_at=later,
        )
        for n, (path, content) in enumerate(FILES.items())
    ]
    source = Given({"i": [log_row(), *links]}, kinds=KINDS, file_hosts=(f"127.0.0.1:{port}",))
    async with Archive.open(folder / "a.db") as archive:
        await harvest(source, archive, attachments=FileStore(folder / "files", concurrency=2, reserve=0))


def contents(folder: Path) -> list[Any]:
    told = [
        [value for value in row if "T" not in str(value)]  # but for times
        for query in ALL
        for row in rows(folder / "a.db", query)
    ]
    files = {str(path.relative_to(folder)) for path in (folder / "files").rglob("*")}
    return [told, files, {(folder / name).read_bytes() for name in files if (folder / name).is_file()}]


def main(folder: Path) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    port = server.server_address[1]
    (folder / "whole").mkdir()
    assert in_a_child(work(folder / "whole", port)) == 0
    expected = contents(folder / "whole")
    assert Handler.asked == len(FILES)
    crashes = differing = most = 0
    for at in count(1):
        path = folder / str(at)
        path.mkdir()
        Handler.asked = 0
        code = in_a_child(work(path, port), partial(crash, at))
        if code == 0:
            break
        assert code == CRASHED
        crashes += 1
        assert in_a_child(work(path, port)) == 0
        differing += contents(path) != expected
        most = max(most, Handler.asked - len(FILES))
    sys.stdout.write(f"{crashes} {differing} {most}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
