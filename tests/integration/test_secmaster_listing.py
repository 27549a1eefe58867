"""Lists beyond 10,000, and lists that change while they are read: each instance once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from workflowkit import AccessKey, DecodeError, SecMasterClient
from workflowkit.sandbox import Sandbox
from workflowkit.sandbox.server import ACCESS_KEY
from workflowkit.sandbox.workspace import PROJECT_ID, WORKSPACE_ID
from workflowkit.secmaster import WorkflowInstance
from workflowkit.secmaster import listing as module

START = datetime(2025, 7, 1, tzinfo=UTC)


@pytest.fixture
def serve(free):
    """The sandbox, with a workspace made to measure."""

    def adjusted(size: int, *, total: bool = True) -> Sandbox:
        free.workspace.size, free.workspace.total = size, total
        assert isinstance(free, Sandbox)
        return free

    return adjusted


@pytest.fixture
def shallow(monkeypatch):
    """Let lists end at 300 instances instead of 10,000, on both sides."""
    monkeypatch.setattr(module, "DEPTH", 300)
    monkeypatch.setattr(module, "_NEARLY_EMPTY", 75)
    monkeypatch.setattr("workflowkit.sandbox.secmaster._DEPTH", 300)


def connect(sandbox: Sandbox) -> SecMasterClient:
    return SecMasterClient(
        AccessKey(*ACCESS_KEY), base_url=sandbox.url, project_id=PROJECT_ID, workspace_id=WORKSPACE_ID, rate=None
    )


async def listed(client: SecMasterClient, **arguments: Any) -> list[str]:
    return [instance.id for instance in await client.workflow_instances(**arguments)]


@pytest.mark.parametrize("total", [True, False], ids=["count is the total", "count is the page's"])
async def test_twelve_thousand_instances(serve, total):
    sandbox = serve(12_000, total=total)
    async with connect(sandbox) as client:
        assert await listed(client) == list(sandbox.workspace.instance_ids())
    assert sandbox.secmaster.answered["secmaster.workflow_instances"] < 145, "122 would do if it knew where to split"


@pytest.mark.parametrize("total", [True, False])
@pytest.mark.parametrize("size", [0, 1, 99, 100, 101, 299, 300, 301, 1000])
@pytest.mark.parametrize("limit", [100, 17, 1])
async def test_any_number_is_listed_once_and_in_order(serve, shallow, size, limit, total):
    sandbox = serve(size, total=total)
    async with connect(sandbox) as client:
        assert await listed(client, limit=limit) == list(sandbox.workspace.instance_ids())


async def test_a_window_of_time(serve, shallow):
    sandbox = serve(1000)
    ids = list(sandbox.workspace.instance_ids())
    async with connect(sandbox) as client:
        since, until = START + timedelta(minutes=7 * 100), START + timedelta(minutes=7 * 900)
        assert await listed(client, since=since, until=until) == ids[100:901]
        assert await listed(client, since=since) == ids[100:]
        assert await listed(client, until=until) == ids[:901]
        assert await listed(client, since=START + timedelta(days=3650)) == []


async def test_bursts_and_long_silences(serve, shallow, monkeypatch):
    """Hundreds within seconds, then nothing for a year, and so on, even beyond what our clock says is now."""
    bursts = [START + timedelta(days=365 * (number // 250), seconds=number % 250) for number in range(1000)]
    monkeypatch.setattr("workflowkit.sandbox.workspace._begin", lambda number: bursts[number])
    sandbox = serve(1000)
    page = sandbox.workspace.page

    def by_time(filters: Any, since: Any, until: Any, *, newest_first: bool, offset: int, limit: int) -> Any:
        inside = [n for n, at in enumerate(bursts) if (not since or at >= since) and (not until or at <= until)]
        rows = [sandbox.workspace.instance(number, topology=False) for number in inside[offset : offset + limit]]
        return {**page(filters, None, None, newest_first=False, offset=0, limit=1), "count": None, "instances": rows}

    monkeypatch.setattr(sandbox.workspace, "page", by_time)
    async with connect(sandbox) as client:
        assert await listed(client) == list(sandbox.workspace.instance_ids())
    assert sandbox.secmaster.answered["secmaster.workflow_instances"] < 110


async def walk(client: SecMasterClient, **arguments: Any) -> AsyncIterator[tuple[int, tuple[WorkflowInstance, ...]]]:
    number = 0
    async for page in client.workflow_instances(**arguments).pages():
        yield number, page.items
        number += 1


async def test_new_ones_start_while_it_is_read(serve, shallow):
    sandbox = serve(250)
    found: list[str] = []
    async with connect(sandbox) as client:
        async for number, items in walk(client, limit=50):
            found += [instance.id for instance in items]
            sandbox.workspace.size += 40 if number < 12 else 0
    assert found == list(sandbox.workspace.instance_ids())
    assert len(found) == 250 + 12 * 40


async def test_some_leave_the_list_while_it_is_read(serve, shallow):
    """Those that were RUNNING finish one by one, so that the rest move up: none of the rest is missed."""
    sandbox = serve(280)
    sandbox.workspace.status = dict.fromkeys(range(20, 280), "RUNNING")
    found: list[str] = []
    async with connect(sandbox) as client:
        async for number, items in walk(client, limit=20, status="RUNNING"):
            found += [instance.id for instance in items]
            for finished in range(20 + number * 9, 20 + (number + 1) * 9):
                if number < 9:
                    sandbox.workspace.status[finished] = "FINISHED"
    assert len(set(found)) == len(found)
    still = [n for n, status in sandbox.workspace.status.items() if status == "RUNNING"]
    assert set(found) >= {each for n, each in enumerate(sandbox.workspace.instance_ids()) if n in still}


@pytest.mark.parametrize("limit", [1, 7, 100])
async def test_more_leave_than_a_page_holds(serve, shallow, limit):
    """So many that the page to go on with is empty."""
    sandbox = serve(280)
    sandbox.workspace.status = dict.fromkeys(range(20, 280), "RUNNING")
    found: list[str] = []
    async with connect(sandbox) as client:
        async for number, items in walk(client, limit=limit, status="RUNNING"):
            found += [instance.id for instance in items]
            if number == 1:
                sandbox.workspace.status |= dict.fromkeys(range(20, 210), "FINISHED")
    assert len(set(found)) == len(found)
    assert set(found) >= set(list(sandbox.workspace.instance_ids())[210:])


async def test_a_window_that_outgrows_the_list_while_it_is_read_repeats_nothing(serve, shallow):
    sandbox = serve(295)
    found: list[str] = []
    async with connect(sandbox) as client:
        async for _, items in walk(client, limit=50, since=START - timedelta(days=3000)):
            found += [instance.id for instance in items]
            if sandbox.workspace.size < 420:
                sandbox.workspace.size += 25
    assert sorted(found) == list(sandbox.workspace.instance_ids())


async def test_deleted_ones(serve, shallow):
    sandbox = serve(280)
    found: list[str] = []
    async with connect(sandbox) as client:
        async for number, items in walk(client, limit=20):
            found += [instance.id for instance in items]
            sandbox.workspace.gone |= set(range(number * 15, number * 15 + 15)) if number < 6 else set()
    assert len(set(found)) == len(found)
    assert set(found) >= set(sandbox.workspace.instance_ids())


@pytest.mark.parametrize("stop_after", [1, 4, 9])
async def test_it_goes_on_from_a_cursor(serve, shallow, stop_after):
    sandbox = serve(1000)
    found: list[str] = []
    async with connect(sandbox) as client:
        pages = client.workflow_instances().pages()
        for _ in range(stop_after):
            page = await anext(pages)
            found += [instance.id for instance in page.items]
        async for later in client.workflow_instances().pages(after=page.cursor):
            found += [instance.id for instance in later.items]
    assert sorted(set(found)) == list(sandbox.workspace.instance_ids())
    assert len(found) - len(set(found)) <= 2, "what comes right after a cursor may have come right before it"


async def test_a_service_that_ignores_the_window_is_found_out(serve, shallow, monkeypatch):
    sandbox = serve(400)
    page = sandbox.workspace.page

    def all_of_time(filters: Any, since: Any, until: Any, **rest: Any) -> Any:
        return page(filters, None, None, **rest)

    monkeypatch.setattr(sandbox.workspace, "page", all_of_time)
    async with connect(sandbox) as client:
        with pytest.raises(DecodeError, match="300 or more instances at 2025-07-01T08:14:00"):
            await listed(client)
    assert sandbox.secmaster.answered["secmaster.workflow_instances"] < 60


@pytest.mark.parametrize("unserved", [lambda offset: offset > 200, lambda offset: offset % 80], ids=["cut", "sparse"])
async def test_a_service_that_leaves_out_pages_is_found_out(serve, shallow, monkeypatch, unserved):
    sandbox = serve(290)
    page = sandbox.workspace.page

    def gaps(*arguments: Any, offset: int, limit: int, **rest: Any) -> Any:
        found = page(*arguments, offset=offset, limit=limit, **rest)
        return {**found, "instances": []} if unserved(offset) else found

    monkeypatch.setattr(sandbox.workspace, "page", gaps)
    async with connect(sandbox) as client:
        with pytest.raises(DecodeError, match="makes no progress"):
            await listed(client, limit=41)
    assert sandbox.secmaster.answered["secmaster.workflow_instances"] < 400


async def test_instances_that_began_in_the_year_one(serve, shallow, monkeypatch):
    written = "workflowkit.sandbox.workspace._written"
    monkeypatch.setattr(written, lambda *_: "0001-01-01T00:00:00.000Z+0800")
    sandbox = serve(350, total=False)
    async with connect(sandbox) as client:
        assert await listed(client) == list(sandbox.workspace.instance_ids())
