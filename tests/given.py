"""Sources that say what a test gives them, and ways to put rows into an archive."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import attrs

from workflowkit import Archive
from workflowkit.archive.queue import Job, Queue, Together
from workflowkit.harvesting.selection import Selection
from workflowkit.source import AttachmentRow, Batch, Chunk, InstanceRef, LogRow, Row

KINDS = (LogRow, AttachmentRow)


def log_row(position: int = 0, **fields: Any) -> LogRow:
    """Return a log of which only what matters is said."""
    plain = {
        "flow_id": 1,
        "flow_name": "Review",
        "create_action": "forward",
        "create_time": datetime(2024, 1, 9, tzinfo=UTC),
        "finish_action": None,
        "finish_time": None,
        "operator_username": None,
        "operator_name": None,
        "comment": None,
        "signature_url": None,
        "raw": b"{}",
    }
    return LogRow(position=position, **{**plain, **fields})


@attrs.define
class Given:
    """A source whose instances, and their rows, are given."""

    rows: Mapping[str, Sequence[Row]] = attrs.Factory(dict)
    kinds: Sequence[type[Row]] = ()
    system: str = "jodoo"
    tenant: str = "t"
    name: str = "given"
    window: float = 0.0
    rate: float | None = None
    requests_each: int = 1
    link_days: int | None = None
    file_hosts: Sequence[str] = ()
    resumable: bool = False

    async def instances(self, after: str | None = None) -> AsyncIterator[Chunk]:
        yield Chunk(refs=[InstanceRef(id=instance_id) for instance_id in self.rows])

    async def batches(self, instance_id: str, after: int | None = None) -> AsyncGenerator[Batch]:
        yield Batch(rows=self.rows[instance_id], kinds=self.kinds, requests=1)


async def put(
    archive: Archive, instance_id: str = "i", *rows: Row, kinds: Sequence[type[Row]] = KINDS, tenant: str = "t"
) -> None:
    """Store an instance whole."""
    run = await begun(archive, kinds=kinds, tenant=tenant, refresh=True)
    await run.enqueue(Chunk(refs=[InstanceRef(id=instance_id)]), last=True)
    await run.store(Job(instance_id, None), Batch(rows=rows, kinds=kinds, requests=1))
    await run.end()


async def begun(
    archive: Archive, source: Given | None = None, *, refresh: bool = False, retry_failed: bool = False, **given: Any
) -> Queue:
    """Begin a run of a source, at another millisecond than all that comes before and after."""
    source = attrs.evolve(source or Given(), **given)
    await asyncio.sleep(0.002)
    run = await queue_of(archive, source, refresh=refresh, retry_failed=retry_failed).begin()
    await asyncio.sleep(0.002)
    return run


def queue_of(
    archive: Archive,
    source: Given,
    *,
    refresh: bool = False,
    retry_failed: bool = False,
    together: Together | None = None,
) -> Queue:
    """Return the queue of a source, as a harvest makes it."""
    selection = Selection.of(source, refresh=refresh, retry_failed=retry_failed)
    return Queue(archive.database, source, selection.decide, options=selection.options, together=together)
