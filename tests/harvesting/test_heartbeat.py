"""What a harvest finds out about others that write to its archive."""

from __future__ import annotations

import asyncio
import platform
import time
from datetime import UTC, datetime, timedelta

import pytest
from given import Given, begun

from workflowkit import Archive, HarvestError, harvest
from workflowkit.archive.values import adapt, now
from workflowkit.source import Chunk

OTHER = "4711 on elsewhere, abcd"


@pytest.fixture
async def archive(tmp_path):
    async with Archive.open(tmp_path / "a.db") as opened:
        yield opened


class Timed(Given):
    """A source of nothing that remembers when it was listed."""

    listed_at: float = 0.0

    async def instances(self, after=None):
        self.listed_at = time.monotonic()
        yield Chunk(refs=())


async def another_process_harvested(
    archive, monkeypatch, *, ago=0.0, tenant="t", name="given", ended=True, process=OTHER
):
    with monkeypatch.context() as patched:
        patched.setattr("workflowkit.archive.lock.this_process", lambda: process)
        patched.setattr("workflowkit.archive.queue.this_process", lambda: process)
        patched.setattr("workflowkit.archive.queue.now", lambda: adapt(datetime.now(UTC) - timedelta(seconds=ago)))
        run = await begun(archive, tenant=tenant, name=name)
        if ended:
            await run.end()
    return run


@pytest.mark.parametrize("ended", [True, False])
async def test_what_another_process_sent_a_moment_ago_is_waited_out(archive, monkeypatch, ended):
    await another_process_harvested(archive, monkeypatch, ended=ended)
    began = time.monotonic()
    source = Timed(window=1.7)
    await harvest(source, archive)
    assert source.listed_at - began >= 1.7
    async with asyncio.timeout(20):  # this process knows what it has sent itself
        await harvest(Timed(window=30.0), archive)


@pytest.mark.parametrize(
    ("ago", "tenant", "window"), [(33.0, "t", 30.0), (0.0, "other", 30.0), (0.0, "t", 0.0)], ids=str
)
async def test_nothing_is_waited_for_without_need(archive, monkeypatch, ago, tenant, window):
    await another_process_harvested(archive, monkeypatch, ago=ago, tenant=tenant)
    async with asyncio.timeout(20):
        await harvest(Timed(window=window), archive)


async def test_stop_ends_that_wait(archive, monkeypatch):
    await another_process_harvested(archive, monkeypatch)
    stop = asyncio.Event()
    asyncio.get_running_loop().call_later(0.05, stop.set)
    async with asyncio.timeout(20):
        summary = await harvest(Timed(window=30.0), archive, stop=stop)
    assert summary.stopped


async def test_one_of_this_machine_that_is_gone_is_not_waited_for(archive, monkeypatch):
    gone = await asyncio.create_subprocess_exec("true")
    await gone.wait()
    await another_process_harvested(archive, monkeypatch, ended=False, process=f"{gone.pid} on {platform.node()}, abcd")
    monkeypatch.setattr("workflowkit.harvesting.heartbeat._SILENT", 1000.0)
    async with asyncio.timeout(20):
        await harvest(Timed(), archive)


async def test_one_that_was_killed_with_several_sources_is_continued(archive, monkeypatch):
    for ago, name in enumerate(("one", "another")):  # each has a heartbeat of its own
        await another_process_harvested(archive, monkeypatch, ended=False, name=name, ago=ago)
    async with asyncio.timeout(20):
        await harvest(Timed(), archive)


async def test_a_clock_that_was_set_back_is_not_waited_for(archive, monkeypatch):
    await another_process_harvested(archive, monkeypatch, ago=-3600.0, ended=False)
    async with asyncio.timeout(20):
        await harvest(Timed(window=1.0), archive)


@pytest.mark.parametrize("name", ["given", "something else"])
async def test_a_second_harvest_is_told_of_the_first(archive, monkeypatch, name):
    await another_process_harvested(archive, monkeypatch, name=name, ended=False)
    monkeypatch.setattr("workflowkit.harvesting.heartbeat._SILENT", 20.0)

    async def live() -> None:
        while True:
            await asyncio.sleep(0.1)
            await archive.database.select("UPDATE harvests SET alive_at = ? WHERE process = ?", now(), OTHER)

    first = asyncio.create_task(live())
    second = Timed()
    with pytest.raises(HarvestError, match="process 4711 on elsewhere is harvesting into it; wait for it to end"):
        await harvest(second, archive)
    first.cancel()
    assert second.listed_at == 0.0


async def test_one_that_was_taken_for_dead_ends_when_another_has_begun_the_same(archive, monkeypatch):
    class Slow(Given):
        async def instances(self, after=None):
            await another_process_harvested(archive, monkeypatch, ended=False)
            await asyncio.sleep(60)
            yield Chunk(refs=())

    with pytest.raises(HarvestError, match="another process has begun a harvest"):
        async with asyncio.timeout(20):
            await harvest(Slow(), archive)


async def test_a_note_that_cannot_be_made_now_ends_nothing(archive, monkeypatch):
    monkeypatch.setattr("workflowkit.harvesting.heartbeat.HEARTBEAT", 0.01)
    failed = 0

    def locked(connection):
        nonlocal failed
        failed += 1
        raise HarvestError("another process is writing to it")

    monkeypatch.setattr("workflowkit.harvesting.heartbeat.write_heartbeat", locked)

    class Slow(Given):
        async def instances(self, after=None):
            while failed < 4:
                await asyncio.sleep(0.01)
            yield Chunk(refs=())

    await harvest(Slow(), archive)


async def test_a_harvest_says_that_it_is_alive(archive, monkeypatch):
    monkeypatch.setattr("workflowkit.harvesting.heartbeat.HEARTBEAT", 0.01)
    query = "SELECT alive_at, ended_at IS NULL FROM harvests"

    async def noted():
        return await archive.database.transact(lambda connection: connection.execute(query).fetchone())

    class Slow(Given):
        async def instances(self, after=None):
            seen: set[tuple[str, int]] = set()
            while len(seen) < 4:
                await asyncio.sleep(0.01)
                seen.add(await noted())
            assert {unfinished for _, unfinished in seen} == {1}
            yield Chunk(refs=())

    await harvest(Slow(), archive)
    assert (await noted())[1] == 0
