"""Harvest in child processes that end, without any notice, just before the n-th statement, for every n.

Prints the number of crashes, and how many archives weren't equal to an undisturbed one once the harvest
had been run again.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from dying import CRASHED, in_a_child, steps_until
from given import KINDS, Given, log_row
from stored import rows

from workflowkit import Archive, harvest
from workflowkit.archive import writer
from workflowkit.errors import NotFound
from workflowkit.source import AttachmentRow, Batch, Chunk, InstanceRef, Row

PAGES = {"a": 1, "b": 3, "c": 0, "d": 2, "e": 1}
ALL = (
    (
        "SELECT system, tenant, id, state, status, logs, error, stored_tables, is_open, cursor, run FROM instances "
        "ORDER BY id"
    ),
    "SELECT * FROM logs ORDER BY instance_id, position",
    "SELECT * FROM attachments ORDER BY instance_id, position, ordinal",
    "SELECT system, tenant, source, instances, failed, cursor, listed, ended_at IS NULL FROM harvests",
)


class Pages(Given):
    """Five instances, two in each page of their listing; two rows in each page of theirs; one that isn't there."""

    async def instances(self, after: str | None = None) -> AsyncIterator[Chunk]:
        names = sorted(PAGES)
        for first in range(int(after or 0), len(names), 2):
            refs = [InstanceRef(id=name, status="1") for name in names[first : first + 2]]
            yield Chunk(refs=refs, requests=1, cursor=str(first + 2) if first + 2 < len(names) else None)

    async def batches(self, instance_id: str, after: int | None = None) -> AsyncGenerator[Batch]:
        end = 2 * PAGES[instance_id]
        if end == 0:
            raise NotFound("it isn't there")
        first = max(0, (after or 0) - 1)
        while True:
            upto = min(first + 2 + bool(after and first == after - 1), end)
            rows = [row for position in range(first, upto) for row in rows_of(position)]
            yield Batch(rows=rows, kinds=self.kinds, first=first, cursor=upto if upto < end else None, requests=1)
            if upto == end:
                return
            first = upto


def rows_of(position: int) -> list[Row]:
    log = log_row(position, flow_id=position, raw=f'{{"flow_id":{position}}}'.encode())
    link = AttachmentRow(position=position, ordinal=0, name="a", size=1, mime=None, url="https://x/y", expires_at=None)
    return [log, link]


def crash(at: int) -> None:
    """Let the process end before its writer's n-th statement."""
    transact = writer.Writer._transact
    step = steps_until(at)

    def watched(self: writer.Writer[Any], connection: sqlite3.Connection, group: list[writer._Call]) -> None:
        connection.set_trace_callback(lambda _: step())
        transact(self, connection, group)

    setattr(writer.Writer, "_transact", watched)  # noqa: B010


async def work(path: Path) -> None:
    async with Archive.open(path) as archive:
        await harvest(Pages(kinds=KINDS, resumable=True), archive, concurrency=2)


def contents(path: Path) -> list[list[tuple[object, ...]]]:
    return [rows(path, query) for query in ALL]


def main(folder: Path) -> None:
    assert in_a_child(work(folder / "whole.db")) == 0
    expected = contents(folder / "whole.db")
    crashes = differing = 0
    for at in count(1):
        path = folder / f"{at}.db"
        code = in_a_child(work(path), partial(crash, at))
        if code == 0:
            break
        assert code == CRASHED
        crashes += 1
        assert in_a_child(work(path)) == 0
        differing += contents(path) != expected
        path.unlink()
    sys.stdout.write(f"{crashes} {differing}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
