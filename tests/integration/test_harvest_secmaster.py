"""A SecMaster workspace harvested from the sandbox: what is served is what is stored."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from stored import rows

from workflowkit import (
    AccessKey,
    Archive,
    IamPassword,
    JodooClient,
    PermissionDenied,
    RetryPolicy,
    SecMasterClient,
    ServerError,
    TransportError,
    harvest,
)
from workflowkit.sandbox.secmaster import Refused
from workflowkit.sandbox.server import ACCESS_KEY, USER
from workflowkit.sandbox.workspace import PROJECT_ID, WORKSPACE_ID

QUICK = RetryPolicy(first_delay=0.01, longest_delay=0.05)


@pytest.fixture
async def secmaster(free):
    async with SecMasterClient(
        AccessKey(*ACCESS_KEY),
        base_url=free.url,
        project_id=PROJECT_ID,
        workspace_id=WORKSPACE_ID,
        rate=None,
        retry=QUICK,
    ) as client:
        yield client


@pytest.fixture
async def archive(tmp_path):
    async with Archive.open(tmp_path / "a.db") as opened:
        yield opened


async def test_instances_alone_cost_the_listing(free, secmaster, archive):
    summary = await harvest(secmaster.workspace_source(), archive)
    assert (summary.done, summary.nodes, summary.logs, summary.requests) == (120, 0, 0, 2)
    assert free.secmaster.answered == {"secmaster.workflow_instances": 2}
    stored = rows(
        archive.path,
        "SELECT id, system, tenant, state, status, name, workflow_name, trigger_type, start_time, end_time, raw, "
        "stored_tables FROM instances ORDER BY id",
    )
    assert [row[0] for row in stored] == list(free.workspace.instance_ids())
    for number, (_, *where, status, name, workflow, trigger, start, end, raw, holds) in enumerate(stored):
        served = free.workspace.instance(number, topology=False)
        assert where == ["secmaster", PROJECT_ID, "done"]
        assert (status, trigger, holds) == (served.get("status"), served.get("trigger_type"), "")
        if number >= 14:  # the first ones are edge cases
            assert json.loads(raw) == served
            assert (name, workflow) == (served["name"], served["workflow"]["name"])
            assert (
                start
                == f"2025-07-{1 + number * 7 // 1440:02d}T{number * 7 // 60 % 24:02d}:{number * 7 % 60:02d}:00.000Z"
            )
            assert end > start


async def test_nodes(free, secmaster, archive):
    summary = await harvest(secmaster.workspace_source(topology=True), archive)
    served = [free.workspace.instance(number, topology=True) for number in range(120)]
    nodes = [
        (instance["id"], position, node)
        for instance in served
        for position, node in enumerate(((instance.get("topology") or {}).get("audit_logs")) or ())
    ]
    assert (summary.done, summary.failed, summary.nodes, summary.requests) == (120, 0, len(nodes), 122)
    stored = rows(archive.path, "SELECT instance_id, position, raw FROM nodes ORDER BY 1, 2")
    assert [(instance_id, position, json.loads(raw)) for instance_id, position, raw in stored] == nodes
    names = ("action_name", "status", "succeed", "error_msg", "input", "output")
    columns = rows(archive.path, f"SELECT {', '.join(names)} FROM nodes ORDER BY instance_id, position")
    assert columns == [tuple(node[name] for name in names) for _, _, node in nodes]
    events = rows(archive.path, "SELECT case_id, activity, outcome, resource FROM events ORDER BY case_id, position")
    assert events == [(case, node["action_name"], node["status"], None) for case, _, node in nodes]
    assert (await archive.counts()).nodes == len(nodes)
    failed = rows(archive.path, "SELECT count(*) FROM events WHERE outcome = 'FAILED'")
    assert failed == [(sum(node["status"] == "FAILED" for _, _, node in nodes),)]


async def test_a_second_run_costs_the_listing_and_what_was_running_and_changes_nothing(free, secmaster, archive):
    await harvest(secmaster.workspace_source(topology=True), archive)
    everything = [
        (
            "SELECT system, tenant, id, state, status, error, stored_tables, is_open, cursor, run, raw "
            "FROM instances ORDER BY id"
        ),
        "SELECT * FROM nodes ORDER BY 1, 2, 3, 4",
    ]
    before = [rows(archive.path, query) for query in everything]
    summary = await harvest(secmaster.workspace_source(topology=True), archive)
    assert (summary.done, summary.skipped, summary.requests) == (1, 119, 3)
    assert before == [rows(archive.path, query) for query in everything]


async def test_nodes_are_fetched_for_instances_that_were_stored_without(free, secmaster, archive):
    await harvest(secmaster.workspace_source(), archive)
    summary = await harvest(secmaster.workspace_source(topology=True), archive)
    assert (summary.done, summary.skipped) == (120, 0)
    again = await harvest(secmaster.workspace_source(), archive)
    assert (again.done, again.skipped) == (0, 120)
    assert (await archive.counts()).nodes == summary.nodes > 500


async def test_what_was_running_is_taken_up_again_when_it_has_ended(free, secmaster, archive):
    number = list(free.workspace.edge_cases()).index("running")
    running = free.workspace.edge_cases()["running"]
    await harvest(secmaster.workspace_source(topology=True), archive)
    query = f"SELECT status, end_time IS NULL FROM instances WHERE id = '{running}'"
    last = f"SELECT status FROM nodes WHERE instance_id = '{running}' ORDER BY position DESC LIMIT 1"
    assert rows(archive.path, query) == [("RUNNING", 1)]
    assert rows(archive.path, last) == [("RUNNING",)]
    free.workspace.status[number] = "FINISHED"
    summary = await harvest(secmaster.workspace_source(topology=True), archive)
    assert (summary.done, summary.skipped) == (1, 119)
    assert rows(archive.path, query) == [("FINISHED", 0)]
    assert rows(archive.path, last) == [("FINISHED",)]


async def test_a_listing_run_in_between_loses_no_nodes(free, secmaster, archive):
    number = list(free.workspace.edge_cases()).index("running")
    await harvest(secmaster.workspace_source(topology=True), archive)
    nodes = (await archive.counts()).nodes
    free.workspace.status[number] = "FINISHED"
    assert (await harvest(secmaster.workspace_source(), archive)).done == 1
    assert (await archive.counts()).nodes == nodes
    events = f"SELECT outcome FROM events WHERE case_id = '{free.workspace.edge_cases()['running']}'"
    assert rows(archive.path, events) == [], "its nodes are out of date"
    assert (await harvest(secmaster.workspace_source(topology=True), archive)).done == 1
    assert rows(archive.path, events) == [("FINISHED",)] * 5


async def test_one_that_vanished_is_recorded_and_the_rest_goes_on(free, secmaster, archive):
    ids = list(free.workspace.instance_ids())
    source = secmaster.workspace_source(topology=True)
    listed = source.instances

    async def then_one_is_deleted(after: str | None = None) -> Any:
        async for chunk in listed(after):
            free.workspace.gone.add(50)
            yield chunk

    source.instances = then_one_is_deleted
    summary = await harvest(source, archive)
    assert (summary.done, summary.failed) == (119, 1)
    (failure,) = await archive.failures()
    assert failure.id == ids[50]
    assert "SecMaster.20030005" in failure.error


async def test_both_systems_side_by_side_in_one_archive(free, secmaster, archive):
    async with JodooClient("sandbox-key", base_url=f"{free.url}/api", rate=None) as jodoo:
        sources = [jodoo.log_source(free.world.instance_ids()), secmaster.workspace_source(topology=True)]
        summary = await harvest(sources, archive)
    assert (summary.done, summary.failed) == (180, 0)
    per_system = rows(archive.path, "SELECT system, count(*) FROM instances WHERE state = 'done' GROUP BY 1")
    assert per_system == [("jodoo", 60), ("secmaster", 120)]
    events = rows(archive.path, "SELECT count(*) FROM events")
    assert events == [(summary.logs + summary.nodes,)]


async def test_an_unknown_workspace_ends_it_at_once(free, archive):
    client = SecMasterClient(AccessKey(*ACCESS_KEY), base_url=free.url, project_id=PROJECT_ID, workspace_id="nowhere")
    async with client:
        with pytest.raises(PermissionDenied, match="Invalid workspace ID"):
            await harvest(client.workspace_source(), archive)


@pytest.mark.parametrize("kind", ["upgrading", "502", "drop"])
async def test_an_outage_is_no_instances_fault_whether_it_has_a_code_or_not(free, secmaster, archive, kind):
    free.fault(kind, times=10_000, endpoint="secmaster.workflow_instance")
    with pytest.raises((ServerError, TransportError)):
        await harvest(secmaster.workspace_source(topology=True), archive, max_outage=0.5)
    counts = await archive.counts()
    assert (counts.pending, counts.failed) == (120, 0)


async def test_instances_that_the_service_itself_fails_at_do_not_stop_the_rest(free, secmaster, archive, monkeypatch):
    instance = free.workspace.instance

    def broken(number: int, *, topology: bool) -> Any:
        if topology and number < 45:
            raise Refused(500, "20040000", "Unknown Error.")
        return instance(number, topology=topology)

    monkeypatch.setattr(free.workspace, "instance", broken)
    summary = await harvest(secmaster.workspace_source(topology=True), archive)
    assert (summary.done, summary.failed) == (75, 45)


async def test_nodes_that_are_an_empty_object_are_none(free, secmaster, archive, monkeypatch):
    instance = free.workspace.instance

    def empty(number: int, *, topology: bool) -> Any:
        return {**instance(number, topology=topology), **({"topology": {"audit_logs": {}}} if topology else {})}

    monkeypatch.setattr(free.workspace, "instance", empty)
    summary = await harvest(secmaster.workspace_source(topology=True), archive)
    assert (summary.done, summary.failed, summary.nodes) == (120, 0, 0)


async def test_when_tokens_cannot_be_had_any_more_all_are_still_to_do(free, archive):
    client = SecMasterClient(
        IamPassword(*USER, iam_endpoint=free.url),
        base_url=free.url,
        project_id=PROJECT_ID,
        workspace_id=WORKSPACE_ID,
        rate=None,
        retry=QUICK,
    )
    async with client:
        source = client.workspace_source(topology=True)
        listed = source.instances

        async def then_iam_goes_down(after: str | None = None) -> Any:
            async for chunk in listed(after):
                free.iam.revoke()
                free.fault("502", times=10_000, endpoint="iam.tokens")
                yield chunk

        source.instances = then_iam_goes_down  # type: ignore[method-assign]
        with pytest.raises(ServerError, match=r"iam\.tokens"):
            await harvest(source, archive, max_outage=0.5)
    assert (await archive.counts()).failed == 0


@pytest.mark.parametrize("kind", ["drop", "half", "0308", "upgrading"])
async def test_trouble_on_the_way_changes_nothing(free, secmaster, archive, kind):
    free.fault(kind, times=3)
    summary = await harvest(secmaster.workspace_source(topology=True), archive)
    assert (summary.done, summary.failed) == (120, 0)


async def test_a_listing_that_was_cut_short_misses_nothing_though_older_ones_are_deleted(free, secmaster, archive):
    free.workspace.size = 220
    stop = asyncio.Event()
    ids = list(free.workspace.instance_ids())
    source = secmaster.workspace_source()
    listed = source.instances

    async def one_page(after: str | None = None) -> Any:
        async for chunk in listed(after):
            yield chunk
            stop.set()
            await asyncio.sleep(60)

    source.instances = one_page
    assert (await harvest(source, archive, stop=stop)).stopped
    free.workspace.gone.update(range(30))
    await harvest(secmaster.workspace_source(), archive)
    found = {each for (each,) in rows(archive.path, "SELECT id FROM instances WHERE state = 'done'")}
    assert set(ids[30:]) <= found
