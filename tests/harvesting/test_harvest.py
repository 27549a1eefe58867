"""Harvests over real sockets into a real archive."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from given import KINDS, Given, log_row
from stored import rows

from workflowkit import (
    AuthenticationError,
    ConfigError,
    InvalidRequest,
    JodooClient,
    RetryPolicy,
    ServerError,
    Summary,
    TransportError,
    harvest,
)
from workflowkit.archive import verify
from workflowkit.source import Chunk
from workflowkit.telemetry import HarvestProgress


def contents(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Return all that equal archives have equal: links without their signed query."""
    bare = "substr({0}, 1, instr({0}, '?'))".format
    instances = "SELECT system, tenant, id, app_id, form_id, state, status, logs, error FROM instances ORDER BY id"
    logs = (
        "SELECT system, tenant, instance_id, position, flow_id, flow_name, create_action, create_time, finish_action, "
        f"finish_time, operator_username, operator_name, comment, {bare('signature_url')} FROM logs ORDER BY 3, 4"
    )
    links = (
        f"SELECT instance_id, position, ordinal, name, size, mime, {bare('url')}, state "
        "FROM attachments ORDER BY 1, 2, 3"
    )
    return {"instances": rows(path, instances), "logs": rows(path, logs), "attachments": rows(path, links)}


async def test_what_is_served_is_what_is_stored(free, jodoo, archive):
    ids = list(free.world.instance_ids())
    summary = await harvest(jodoo.log_source(ids), archive)
    expected = sum(free.world.log_count(*free.world.find(each)) for each in ids)
    assert summary == Summary(done=60, failed=0, skipped=0, logs=expected, requests=64, stopped=False)
    assert summary.requests == free.jodoo.answered["workflow_logs"]
    per_instance = dict(rows(archive.path, "SELECT instance_id, count(*) FROM logs GROUP BY 1"))
    assert per_instance == {each: n for each in ids if (n := free.world.log_count(*free.world.find(each)))}
    assert rows(archive.path, "SELECT DISTINCT state, system, tenant FROM instances") == [("done", "jodoo", "default")]


async def test_columns_hold_the_log_and_raw_the_vendors_bytes(free, jodoo, archive):
    edge_cases = free.world.edge_cases()
    await harvest(jodoo.log_source(edge_cases.values()), archive)
    query = "SELECT {} FROM logs WHERE instance_id = '{}' ORDER BY position"
    (first, *_) = rows(archive.path, query.format("*", edge_cases["one log"]))
    raw = first[-1]
    assert isinstance(raw, str)
    assert raw.startswith('{"flow_id": 1, "flow_name": "Manager approval", "create_time": "2024-01-09T03:23:35.447Z"')
    assert first[:8] == (
        "jodoo",
        "default",
        edge_cases["one log"],
        0,
        1,
        "Manager approval",
        "forward",
        "2024-01-09T03:23:35.447Z",
    )
    comments = rows(archive.path, query.format("comment, json_extract(raw, '$.flow_name')", edge_cases["non-ascii"]))
    assert comments[0] == ("同意。Genehmigt für Müller & Søn 👍\n— 第二行", "总经理审批")
    half = rows(archive.path, query.format("comment, instr(raw, '\\ud83d') > 0", edge_cases["lone surrogate"]))
    assert half[1] == ("cut off here: \ufffd", 1)
    assert (
        rows(archive.path, query.format("finish_time, operator_name", edge_cases["null fields"])) == [(None, None)] * 3
    )


async def test_links_are_kept_with_the_second_they_die(free, jodoo, archive):
    await harvest(jodoo.log_source(free.world.instance_ids()), archive)
    found = rows(archive.path, "SELECT ordinal, name, state, expires_at FROM attachments ORDER BY ordinal LIMIT 1")
    ((ordinal, name, state, expires_at),) = found
    assert (ordinal, name, state) == (-1, None, "pending")
    assert str(expires_at).endswith(":59:59.000Z")
    signed = rows(archive.path, "SELECT count(*) FROM logs WHERE signature_url IS NOT NULL")
    assert signed == rows(archive.path, "SELECT count(*) FROM attachments WHERE ordinal = -1")


async def test_a_second_run_costs_nothing_and_changes_nothing(free, jodoo, archive):
    ids = list(free.world.instance_ids())
    await harvest(jodoo.log_source(ids), archive)
    before, asked = contents(archive.path), sum(free.jodoo.answered.values())
    summary = await harvest(jodoo.log_source(ids), archive)
    assert summary == Summary(done=0, failed=0, skipped=60, logs=0, requests=0, requests_saved=64, stopped=False)
    assert contents(archive.path) == before
    assert sum(free.jodoo.answered.values()) == asked


async def test_an_id_named_twice_is_harvested_once(free, jodoo, archive):
    ids = list(free.world.instance_ids())[12:20]
    summary = await harvest(jodoo.log_source([*ids, *ids, *reversed(ids)]), archive)
    assert (summary.done, summary.skipped, summary.requests) == (8, 0, 8)


async def test_ids_may_come_one_by_one_and_late(free, jodoo, archive):
    async def trickle() -> AsyncIterator[str]:
        for instance_id in list(free.world.instance_ids())[12:17]:
            await asyncio.sleep(0.01)
            yield instance_id

    assert (await harvest(jodoo.log_source(trickle()), archive)).done == 5


async def test_a_form_and_all_forms_of_an_app(free, jodoo, archive):
    app = (await jodoo.apps())[0].app_id
    forms = await jodoo.forms(app)
    summary = await harvest(jodoo.form_source(app, forms[1].entry_id), archive)
    assert (summary.done, summary.requests) == (30, 33), "one each for the form's name, its fields and its records"
    summary = await harvest(jodoo.form_source(app), archive)
    assert (summary.done, summary.skipped) == (30, 30)
    places = rows(archive.path, "SELECT app_id, form_id, status, count(*) FROM instances GROUP BY 1, 2, 3 ORDER BY 2")
    assert places == [(app, forms[0].entry_id, "1", 30), (app, forms[1].entry_id, "1", 30)]


async def test_what_fails_for_itself_is_recorded_and_the_rest_goes_on(free, jodoo, archive):
    ids = [*list(free.world.instance_ids())[12:15], "659cba93489a49c06f7d4281"]
    summary = await harvest(jodoo.log_source(ids), archive)
    assert (summary.done, summary.failed) == (3, 1)
    (failure,) = await archive.failures()
    assert failure.id == "659cba93489a49c06f7d4281"
    assert "Invalid instance_id (HTTP 400, code 50016)" in failure.error
    again = await harvest(jodoo.log_source(ids), archive)
    assert (again.done, again.failed, again.skipped, again.requests) == (0, 1, 3, 0)
    retried = await harvest(jodoo.log_source(ids), archive, retry_failed=True)
    assert (retried.failed, retried.skipped, retried.requests) == (1, 3, 1)
    assert (await archive.counts()).failed == 1


async def test_one_that_the_service_fails_at_once_is_tried_again_when_others_have_succeeded(free, jodoo, archive):
    ids = list(free.world.instance_ids())[12:16]
    free.fault("500", times=2)
    summary = await harvest(jodoo.log_source(ids), archive, concurrency=1)
    assert (summary.done, summary.failed, summary.requests) == (4, 0, 6)


async def test_when_the_service_is_down_nothing_is_recorded_as_failed(free, jodoo, archive):
    ids = list(free.world.instance_ids())
    free.fault("500", times=1000)
    with pytest.raises(ServerError):
        await harvest(jodoo.log_source(ids), archive, concurrency=4)
    counts = await archive.counts()
    assert (counts.pending, counts.failed, counts.done) == (60, 0, 0)


async def test_nobody_listens(archive, unused_tcp_port):
    quick = RetryPolicy(attempts=2, first_delay=0.01, longest_delay=0.01)
    async with JodooClient("k", base_url=f"http://127.0.0.1:{unused_tcp_port}/api", retry=quick) as client:
        with pytest.raises(TransportError, match="can't connect"):
            await harvest(client.log_source(["a", "b"]), archive)
    assert (await archive.counts()).pending == 2


async def test_a_wrong_key_stops_at_once(free, archive):
    async with JodooClient("wrong", base_url=f"{free.url}/api", rate=None) as client:
        with pytest.raises(AuthenticationError):
            await harvest(client.log_source(free.world.instance_ids()), archive, concurrency=3)
    assert free.jodoo.answered["8301"] <= 3
    assert (await archive.counts()).pending == 60


async def test_a_bad_id_is_named_and_what_is_stored_stays(free, jodoo, archive):
    await harvest(jodoo.log_source(list(free.world.instance_ids())[12:15]), archive)
    with pytest.raises(InvalidRequest, match="'not an id'"):
        await harvest(jodoo.log_source(["not an id"]), archive)
    assert (await archive.counts()).done == 3


async def test_verify_says_what_it_could_not_compare(archive):
    await harvest(Given({"i": [log_row(0), log_row(1)]}, kinds=KINDS, system="other"), archive)
    problems = [problem async for problem in verify(archive, {})]
    assert [(each.system, each.what) for each in problems] == [
        ("other", "its logs weren't compared: nothing reads their JSON")
    ]


async def test_stop_drains(free, jodoo, archive):
    stop = asyncio.Event()

    def watch(progress: object) -> None:
        assert isinstance(progress, HarvestProgress)
        if progress.done >= 5:
            stop.set()

    ids = list(free.world.instance_ids())
    first = await harvest(jodoo.log_source(ids), archive, concurrency=3, stop=stop, observers=[watch])
    assert first.stopped
    assert 5 <= first.done <= 8
    assert (await archive.counts()).done == first.done
    second = await harvest(jodoo.log_source(ids), archive)
    assert (second.done, second.skipped) == (60 - first.done, first.done)
    assert sum(free.jodoo.answered.values()) == first.requests + second.requests


@pytest.mark.parametrize(
    "wait", ["a pause that the service asks for", "a pause before a retry", "a place in the queue"]
)
async def test_stop_drops_what_merely_waits(free, archive, monkeypatch, wait):
    monkeypatch.setattr("workflowkit.harvesting.engine._GRACE", 1000.0)
    retry = RetryPolicy(attempts=5, first_delay=1000.0, longest_delay=1000.0)
    if wait != "a place in the queue":
        free.fault("429" if "service" in wait else "502", times=1000, seconds=200)
    stop = asyncio.Event()
    ids = list(free.world.instance_ids())[:20]
    rate = 0.001 if wait == "a place in the queue" else None
    async with JodooClient("sandbox-key", base_url=f"{free.url}/api", rate=rate, retry=retry) as jodoo:
        running = asyncio.create_task(harvest(jodoo.log_source(ids), archive, stop=stop))
        while not free.jodoo.answered["workflow_logs"]:
            await asyncio.sleep(0.01)
        stop.set()
        summary = await running
    assert summary.stopped
    assert (await archive.counts()).failed == 0


async def test_stop_before_anything_is_listed(archive):
    class Silent(Given):
        async def instances(self, after=None):
            await asyncio.Event().wait()
            yield Chunk(refs=())

    stop = asyncio.Event()
    asyncio.get_running_loop().call_later(0.02, stop.set)
    summary = await harvest(Silent(), archive, stop=stop)
    assert (summary.done, summary.stopped) == (0, True)


async def test_cancelling_stops_at_once_and_leaves_nothing_running(free, jodoo, archive):
    ids = list(free.world.instance_ids())
    free.fault("slow", times=1000, seconds=30)
    task = asyncio.create_task(harvest(jodoo.log_source(ids), archive))
    while free.jodoo.answered["workflow_logs"] < 5:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert (await archive.counts()).pending == 60


@pytest.mark.parametrize("within", [False, True])
async def test_cancelling_while_waiting_for_the_listing(archive, within):
    class Slow(Given):
        async def instances(self, after=None):
            await asyncio.sleep(60)
            yield Chunk(refs=())

    task = asyncio.create_task(asyncio.wait_for(harvest(Slow(), archive), 0.05) if within else harvest(Slow(), archive))
    await asyncio.sleep(0.02)
    if not within:
        task.cancel()
    with pytest.raises(TimeoutError if within else asyncio.CancelledError):
        await task
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_many_that_the_service_will_not_give_now_do_not_stop_the_rest(free, jodoo, archive):
    ids = list(free.world.instance_ids())[12:52]
    free.fault("failure", times=50)
    summary = await harvest(jodoo.log_source(ids), archive, concurrency=1)
    assert (summary.done, summary.failed) == (15, 25)
    assert "code 50008" in (await archive.failures(1))[0].error


async def test_what_cannot_be_an_id_is_named_before_it_is_remembered(free, jodoo, archive):
    for bad in ("has blank", "half \ud83d", '"quoted"', "", 7):
        with pytest.raises(InvalidRequest, match="instance_id="):
            await harvest(jodoo.log_source([bad]), archive)
    with pytest.raises(ConfigError, match="pass a list of ids"):
        jodoo.log_source("6500cba9000000000000000c")
    assert (await archive.counts()).pending == 0


async def test_several_sources_side_by_side(free, archive):
    ids = list(free.world.instance_ids())
    options: dict[str, Any] = {"base_url": f"{free.url}/api", "rate": None}
    async with JodooClient("sandbox-key", **options) as one, JodooClient("sandbox-key", tenant="two", **options) as two:
        summary = await harvest([one.log_source(ids[:20]), two.log_source(ids[10:30])], archive)
    assert summary.done == 40
    assert dict(rows(archive.path, "SELECT tenant, count(*) FROM instances GROUP BY 1")) == {"default": 20, "two": 20}


async def test_progress_tells_the_truth(free, jodoo, archive):
    told: list[Any] = []
    ids = [*free.world.instance_ids(), "nope"]
    await harvest(jodoo.log_source(ids[:10]), archive)
    summary = await harvest(jodoo.log_source(ids), archive, observers=[told.append])
    last = told[-1]
    assert (last.total, last.listed, last.done, last.failed, last.skipped) == (61, True, 50, 1, 10)
    assert (last.logs, last.requests) == (summary.logs, summary.requests)
    assert [each.done for each in told] == sorted(each.done for each in told)


async def test_concurrency_must_be_positive(jodoo, archive):
    with pytest.raises(ConfigError, match="concurrency=0"):
        await harvest(jodoo.log_source([]), archive, concurrency=0)


async def test_nothing_to_do_is_done_at_once(jodoo, archive):
    assert await harvest(jodoo.log_source([]), archive) == Summary(
        done=0, failed=0, skipped=0, logs=0, requests=0, stopped=False
    )


async def test_a_clock_that_was_ahead_does_not_spoil_a_refresh(free, jodoo, archive, query, monkeypatch):
    ids = list(free.world.instance_ids())[:5]
    with monkeypatch.context() as patched:
        patched.setattr("workflowkit.archive.queue.now", lambda: "2124-01-01T00:00:00.000Z")
        await harvest(jodoo.log_source(ids), archive)
    assert await query("SELECT DISTINCT harvested_at FROM instances") == [("2124-01-01T00:00:00.000Z",)]
    summary = await harvest(jodoo.log_source(ids), archive, refresh=True)
    assert (summary.done, summary.skipped) == (5, 0)


async def test_no_source_is_nothing_to_do(archive):
    summary = await harvest([], archive)
    assert (summary.done, summary.stopped) == (0, False)


async def test_tasks_that_are_an_empty_object_are_none(free, jodoo, archive, monkeypatch):
    instance = free.world.instance
    monkeypatch.setattr(free.world, "instance", lambda *what, **told: {**instance(*what, **told), "tasks": {}})
    summary = await harvest(jodoo.log_source(list(free.world.instance_ids())[:5], tasks=True), archive)
    assert (summary.done, summary.failed, summary.tasks) == (5, 0, 0)
