"""A service that is down for a while costs a harvest that while, and no instance."""

from __future__ import annotations

import asyncio
import time

import pytest

from workflowkit import QuotaExceeded, RateLimited, ServerError, TransportError, harvest
from workflowkit.harvesting.outage import Outage


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr("workflowkit.harvesting.outage._SHORTEST", 0.02)
    monkeypatch.setattr("workflowkit.harvesting.outage._LONGEST", 0.05)


def ids(free):
    return list(free.world.instance_ids())


def down_after(free, instances, kind, times):
    """Let the service fail `times` requests once it has served so many."""
    serve = free.world.logs

    def served(*wanted):
        if free.jodoo.answered["workflow_logs"] == instances:
            free.fault(kind, times=times, endpoint="workflow_logs")
        return serve(*wanted)

    free.world.logs = served


@pytest.mark.parametrize("kind", ["drop", "502"])
async def test_all_are_harvested_once_it_is_over(free, jodoo, archive, kind):
    down_after(free, 10, kind, 150)
    summary = await harvest(jodoo.log_source(ids(free)), archive, concurrency=5)
    assert (summary.done, summary.failed) == (60, 0)
    assert (await archive.counts()).done == 60


async def test_at_the_very_end_as_well(free, jodoo, archive):
    down_after(free, 57, "502", 60)
    summary = await harvest(jodoo.log_source(ids(free)), archive, concurrency=20)
    assert (summary.done, summary.failed) == (60, 0)


async def test_while_it_lasts_one_asks_at_a_time_ever_more_seldom(free, jodoo, archive, monkeypatch):
    monkeypatch.setattr("workflowkit.harvesting.outage._SHORTEST", 0.2)
    monkeypatch.setattr("workflowkit.harvesting.outage._LONGEST", 60.0)
    down_after(free, 10, "502", 10_000)
    stop = asyncio.Event()
    asyncio.get_running_loop().call_later(2.0, stop.set)
    summary = await harvest(jodoo.log_source(ids(free)), archive, concurrency=5, stop=stop)
    assert summary.stopped
    assert (summary.failed, (await archive.counts()).failed) == (0, 0)
    asked = free.jodoo.answered["workflow_logs"] - 10
    assert asked <= 2 * (5 + 5 + 4), "all that were under way; the next ones; one each after 0.2, 0.4, 0.8 seconds"


async def test_it_lasts_too_long(free, jodoo, archive):
    down_after(free, 10, "502", 10_000)
    with pytest.raises(ServerError):
        await harvest(jodoo.log_source(ids(free)), archive, concurrency=5, max_outage=0.3)
    counts = await archive.counts()
    assert (counts.failed, counts.pending + counts.partial) == (0, 60 - counts.done)


async def test_instances_that_the_service_breaks_at_are_recorded_though_it_seems_down(free, jodoo, archive):
    broken = set(ids(free)[20:32])
    find = free.jodoo._find

    def found(body):
        if body["instance_id"] in broken:
            raise ZeroDivisionError
        return find(body)

    free.jodoo._find = found
    summary = await harvest(jodoo.log_source(ids(free)), archive, concurrency=5)
    assert (summary.done, summary.failed) == (48, 12)
    assert {failure.id for failure in await archive.failures()} == broken


async def test_a_quota_that_is_used_up_stops_at_once(free, jodoo, archive, monkeypatch):
    def used_up(*wanted):
        from workflowkit.sandbox.jodoo import Refused

        raise Refused(7212, "Data of the month")

    monkeypatch.setattr(free.world, "logs", used_up)
    with pytest.raises(QuotaExceeded):
        await harvest(jodoo.log_source(ids(free)), archive)


async def test_pauses_grow_and_end_with_the_outage_or_at_stop():
    stop = asyncio.Event()
    outage = Outage(stop, 60.0)
    took = []
    for _ in range(3):
        began = time.monotonic()
        await outage.wait(TransportError("down"))
        took.append(time.monotonic() - began)
    assert took[0] < took[1] < took[2]
    outage.end()
    waiting = asyncio.create_task(outage.wait(RateLimited("down")))
    await asyncio.sleep(0)
    stop.set()
    async with asyncio.timeout(20):
        await waiting
    with pytest.raises(TransportError):
        await Outage(stop, 0.0).wait(TransportError("down"))
