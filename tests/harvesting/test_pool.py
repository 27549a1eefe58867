"""Workers of several sources and of files: what one of them waits for holds up no other."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from given import KINDS, Given, log_row
from stored import rows

from workflowkit import Archive, HarvestError, NotFound, ServerError, harvest
from workflowkit.archive.lock import write_heartbeat
from workflowkit.source import AttachmentRow, Batch

ENDED = "SELECT source, ended_at IS NOT NULL FROM harvests ORDER BY source"


class Blocking(Given):
    """A source with an instance that isn't read before it is let go."""

    def __init__(self, *what, **told):
        super().__init__(*what, **told)
        self.go = asyncio.Event()

    async def batches(self, instance_id, after=None):
        if instance_id == "long":
            await self.go.wait()
        yield Batch(rows=(), kinds=self.kinds, requests=1)


async def test_an_outage_is_found_to_be_over_while_a_long_instance_is_in_flight(archive, monkeypatch):
    monkeypatch.setattr("workflowkit.harvesting.breaker._SHORTEST", 0.01)
    down, done = 12, 0

    class Troubled(Blocking):
        async def batches(self, instance_id, after=None):
            nonlocal down, done
            if instance_id != "long" and done and down:
                down -= 1
                raise ServerError("busy")
            async for batch in super().batches(instance_id, after):
                yield batch
            done += 1
            if done == 38:  # nearly all others: only now the long one may end
                self.go.set()

    source = Troubled({name: [] for name in ("long", *map(str, range(38)))})
    async with asyncio.timeout(20):
        summary = await harvest(source, archive, concurrency=5)
    assert (summary.done, summary.failed, down) == (39, 0, 0)


async def test_a_source_that_is_done_has_ended_though_another_one_is_stopped(archive):
    short, long = Given({"a": []}, name="short"), Blocking({"long": []}, name="long")
    stop = asyncio.Event()
    harvesting = asyncio.create_task(harvest([short, long], archive, stop=stop))
    async with asyncio.timeout(20):
        while rows(archive.path, ENDED) != [("long", 0), ("short", 1)]:
            await asyncio.sleep(0.01)
    stop.set()
    long.go.set()
    assert (await harvesting).stopped
    assert rows(archive.path, ENDED) == [("long", 0), ("short", 1)]


async def test_files_that_wait_are_counted_though_nothing_was_begun(archive, tmp_path):
    url = "https://files.example.com/a?e=1"
    link = AttachmentRow(position=0, ordinal=0, name="a", size=1, mime=None, url=url, expires_at=datetime.now(UTC))
    source = Given({"i": [log_row(), link]}, kinds=KINDS)
    await harvest(source, archive)
    stop = asyncio.Event()
    stop.set()
    summary = await harvest(source, archive, stop=stop, attachments=tmp_path / "files")
    assert (summary.stopped, summary.files_waiting) == (True, 1)


async def test_a_heartbeat_is_that_of_runs_that_have_not_ended(archive, monkeypatch):
    await harvest(Given({"i": []}), archive)
    query = "SELECT alive_at FROM harvests"
    before = rows(archive.path, query)
    await asyncio.sleep(0.01)
    assert await archive.database.transact(write_heartbeat)
    assert rows(archive.path, query) == before


async def test_an_archive_of_a_development_version_is_named(archive):
    await archive.database.select("ALTER TABLE instances RENAME COLUMN stored_tables TO holds")
    with pytest.raises(HarvestError, match="an archive of a development version, but this workflowkit reads version 1"):
        async with Archive.open(archive.path, create=False):
            pass


async def test_failures_come_in_the_order_in_which_they_failed(archive):
    class Missing(Given):
        async def batches(self, instance_id, after=None):
            await asyncio.sleep(0.01)
            raise NotFound("gone")
            yield

    await harvest(Missing({"z": [], "m": [], "a": []}), archive, concurrency=1)
    assert [failure.id for failure in await archive.failures(2)] == ["z", "m"]
