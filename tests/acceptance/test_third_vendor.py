"""A vendor that this package does not know, written against public names only, is harvested like the known ones."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs

from workflowkit import Archive, harvest
from workflowkit.archive import verify
from workflowkit.report import analyse
from workflowkit.source import Batch, Chunk, InstanceRef, LogRow, Row
from workflowkit.telemetry import HarvestProgress

TICKETS = [f"T{number:03}" for number in range(120)]
PAGE = 50


def steps_of(ticket: str) -> list[dict[str, Any]]:
    """Return what the vendor's service sends for a ticket."""
    began = datetime(2026, 1, 5, 9, tzinfo=UTC) + timedelta(minutes=int(ticket[1:]))
    return [
        {"step": name, "by": "Ada", "at": (began + timedelta(hours=number)).isoformat(), "ended": number < 2}
        for number, name in enumerate(("open", "assign", "solve"))
    ]


def to_row(raw: bytes, position: int) -> LogRow:
    """Return the row of a step."""
    step = json.loads(raw)
    at = datetime.fromisoformat(step["at"])
    return LogRow(
        position=position,
        flow_id=position,
        flow_name=step["step"],
        create_action=None,
        create_time=at,
        finish_action=None,
        finish_time=at + timedelta(minutes=5) if step["ended"] else None,
        operator_username=None,
        operator_name=step["by"],
        comment=None,
        signature_url=None,
        raw=raw,
    )


@attrs.define
class DeskSource:
    """Reads the tickets of a service desk."""

    requests: int = 0
    system: str = "desk"
    tenant: str = "acme"
    name: str = "all tickets"
    window: float = 0.0
    rate: float | None = None
    requests_each: int = 1
    link_days: int | None = None
    file_hosts: Sequence[str] = ()
    resumable: bool = True

    @property
    def kinds(self) -> Sequence[type[Row]]:
        return (LogRow,)

    async def instances(self, after: str | None = None) -> AsyncIterator[Chunk]:
        for start in range(int(after or 0), len(TICKETS), PAGE):
            self.requests += 1
            refs = [InstanceRef(id=ticket, status="CLOSED", is_open=False) for ticket in TICKETS[start : start + PAGE]]
            end = start + PAGE
            yield Chunk(refs=refs, requests=1, cursor=str(end) if end < len(TICKETS) else None)

    async def batches(self, instance_id: str, after: int | None = None) -> AsyncGenerator[Batch]:
        self.requests += 1
        await asyncio.sleep(0)
        raws = [json.dumps(step).encode() for step in steps_of(instance_id)]
        yield Batch(rows=[to_row(*each[::-1]) for each in enumerate(raws)], kinds=self.kinds, requests=1)


async def test_it_is_harvested_resumed_verified_and_seen_in_events(tmp_path):
    stop = asyncio.Event()

    def watch(progress: object) -> None:
        if isinstance(progress, HarvestProgress) and progress.done >= 30:
            stop.set()

    source = DeskSource()
    async with Archive.open(tmp_path / "desk.db") as archive:
        first = await harvest(source, archive, stop=stop, observers=[watch])
    async with Archive.open(tmp_path / "desk.db") as archive:
        second = await harvest(source, archive)
        assert first.stopped
        assert first.done + second.done == 120
        assert source.requests == first.requests + second.requests == 120 + 3, "nothing was asked for twice"
        again = await harvest(source, archive)
        assert (again.done, again.skipped, again.requests) == (0, 120, 3)
        assert [problem async for problem in verify(archive, {("desk", "logs"): lambda *row: [to_row(*row)]})] == []
        events = [row async for _, rows in archive.read("events") for row in rows]
        report = await analyse(archive)
        assert (report.scope.cases, report.scope.steps) == (120, 360)
    assert len(events) == 360
    system, tenant, case_id, position, activity, *_ = events[-1]
    assert (system, tenant, case_id, position, activity) == ("desk", "acme", "T119", 2, "solve")
