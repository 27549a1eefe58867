"""A service that is down for a while costs a harvest that while, and no instance."""

from __future__ import annotations

import asyncio
from itertools import count

import pytest

from workflowkit import QuotaExceeded, RateLimited, ServerError, TransportError, harvest
from workflowkit.archive.queue import Queue
from workflowkit.harvesting.breaker import Breaker
from workflowkit.sandbox.world import APP_ID

pytestmark = pytest.mark.usefixtures("transport")


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr("workflowkit.harvesting.breaker._SHORTEST", 0.02)
    monkeypatch.setattr("workflowkit.harvesting.breaker._LONGEST", 0.05)


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


@pytest.mark.parametrize("disk", ["quick", "slow"])
async def test_while_it_lasts_one_asks_at_a_time_ever_more_seldom(free, jodoo, archive, monkeypatch, disk):
    if disk == "slow":  # what was answered before the outage is stored in the midst of it
        store, stores = Queue.store, count()

        async def stored(*what):
            await asyncio.sleep(next(stores) % 5 * 0.3)
            return await store(*what)

        monkeypatch.setattr(Queue, "store", stored)
    monkeypatch.setattr("workflowkit.harvesting.breaker._SHORTEST", 0.2)
    monkeypatch.setattr("workflowkit.harvesting.breaker._LONGEST", 60.0)
    down_after(free, 10, "502", 10_000)
    stop = asyncio.Event()
    pause, pauses = Breaker.pause, []

    async def paused(breaker, error):
        pauses.append(breaker._pause)
        if len(pauses) > 3:
            stop.set()
        await pause(breaker, error)

    monkeypatch.setattr(Breaker, "pause", paused)
    summary = await harvest(jodoo.log_source(ids(free)), archive, concurrency=5, stop=stop)
    assert summary.stopped
    assert (summary.failed, (await archive.counts()).failed) == (0, 0)
    asked = free.jodoo.answered["workflow_logs"] - 10
    assert pauses[:4] == [0.2, 0.4, 0.8, 1.6]
    assert asked <= 2 * (5 + 5 + 3), "all that were under way; the next ones; one after each pause"


async def test_it_begins_while_the_first_answer_is_stored(free, jodoo, archive, monkeypatch):
    store = Queue.store

    async def stored(*what):
        await asyncio.sleep(0.3)
        return await store(*what)

    monkeypatch.setattr(Queue, "store", stored)
    down_after(free, 1, "502", 20)
    summary = await harvest(jodoo.log_source(ids(free)), archive, concurrency=3)
    assert (summary.done, summary.failed) == (60, 0)


async def test_it_lasts_too_long(free, jodoo, archive):
    down_after(free, 10, "502", 10_000)
    with pytest.raises(ServerError):
        await harvest(jodoo.log_source(ids(free)), archive, concurrency=5, max_outage=0.3)
    counts = await archive.counts()
    assert (counts.failed, counts.pending + counts.partial) == (0, 60 - counts.done)


@pytest.mark.parametrize("flaps", [[(10, 30), (11, 30)], [(50, 30), (51, 30)], [(56, 20), (57, 20)]])
@pytest.mark.parametrize("concurrency", [5, 20])
async def test_one_that_comes_again_costs_no_instance_either(free, jodoo, archive, flaps, concurrency):
    serve = free.world.logs
    coming = list(flaps)

    def served(*wanted):
        if coming and free.jodoo.answered["workflow_logs"] >= coming[0][0]:
            free.fault("502", times=coming.pop(0)[1], endpoint="workflow_logs")
        return serve(*wanted)

    free.world.logs = served
    summary = await harvest(jodoo.log_source(ids(free)), archive, concurrency=concurrency)
    assert (summary.done, summary.failed) == (60, 0)


@pytest.fixture
def broken(free):
    """Instances that the service breaks at; a set to be filled."""
    those: set[str] = set()
    find = free.jodoo._find

    def found(body):
        if body["instance_id"] in those:
            raise ZeroDivisionError
        return find(body)

    free.jodoo._find = found
    return those


@pytest.mark.parametrize("which", [slice(20, 32), slice(57, 60), slice(58, 59), slice(5, 30)], ids=str)
async def test_instances_that_the_service_breaks_at_are_recorded(free, jodoo, archive, broken, which):
    broken.update(ids(free)[which])
    summary = await harvest(jodoo.log_source(ids(free)), archive, concurrency=5)
    assert (summary.done, summary.failed) == (60 - len(broken), len(broken))
    assert {failure.id for failure in await archive.failures()} == broken
    again = await harvest(jodoo.log_source(ids(free)), archive)
    assert (again.done, again.failed) == (0, len(broken))


async def test_one_that_it_breaks_at_is_recorded_though_nothing_else_is_left_to_do(free, jodoo, archive, broken):
    await harvest(jodoo.log_source(ids(free)[:20]), archive)
    broken.update(ids(free)[20:21])
    summary = await harvest(jodoo.log_source(ids(free)[:21]), archive)
    assert (summary.done, summary.failed, summary.skipped) == (0, 1, 20)


async def test_a_short_one_in_a_small_run_convicts_nobody(free, jodoo, archive):
    await harvest(jodoo.log_source(ids(free)[:58]), archive)
    free.fault("502", times=8, endpoint="workflow_logs")
    with pytest.raises(ServerError):
        await harvest(jodoo.log_source(ids(free)[58:]), archive)
    assert (await archive.counts()).failed == 0
    free.fault("502", times=4, endpoint="workflow_logs")
    summary = await harvest(jodoo.form_source(APP_ID), archive)
    assert (summary.failed, (await archive.counts()).done) == (0, 60)


async def test_a_quota_that_is_used_up_stops_at_once(free, jodoo, archive, monkeypatch):
    def used_up(*wanted):
        from workflowkit.sandbox.jodoo import Refused

        raise Refused(7212, "Data of the month")

    monkeypatch.setattr(free.world, "logs", used_up)
    with pytest.raises(QuotaExceeded):
        await harvest(jodoo.log_source(ids(free)), archive)


async def test_pauses_grow_and_end_with_the_outage_or_at_stop():
    stop = asyncio.Event()
    breaker = Breaker(stop, 60.0)
    pauses = []
    for _ in range(3):
        pauses.append(breaker._pause)
        await breaker.pause(TransportError("down"))
    assert pauses[0] < pauses[1] < pauses[2]
    breaker.succeeded(None)
    waiting = asyncio.create_task(breaker.pause(RateLimited("down")))
    await asyncio.sleep(0)
    stop.set()
    async with asyncio.timeout(20):
        await waiting
    with pytest.raises(TransportError):
        await Breaker(stop, 0.0).pause(TransportError("down"))
