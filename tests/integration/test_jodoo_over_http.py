"""The client against the sandbox, over real sockets."""

from __future__ import annotations

import asyncio
import gc
import json
import threading
import time
from typing import Any

import pytest

from workflowkit import (
    AuthenticationError,
    InvalidRequest,
    JodooClient,
    NotFound,
    RetryPolicy,
    TransportError,
)
from workflowkit._decode.converter import decode
from workflowkit._http import make_transport
from workflowkit._http.message import Request, Timing
from workflowkit.redact import Headers
from workflowkit.sandbox import Sandbox
from workflowkit.telemetry import RequestDone, Telemetry

pytestmark = pytest.mark.usefixtures("transport")

QUICK = RetryPolicy(first_delay=0.01, longest_delay=0.05)


@pytest.fixture
async def jodoo(sandbox):
    async with JodooClient("sandbox-key", base_url=f"{sandbox.url}/api", retry=QUICK) as client:
        yield client


@pytest.fixture
def unlimited():
    with Sandbox(limited=False) as server:
        yield server


def refused(sandbox: Sandbox) -> int:
    return sandbox.jodoo.answered["8303"] + sandbox.jodoo.answered["8304"]


@pytest.mark.parametrize(
    "kind",
    ["no logs", "one log", "99 logs", "100 logs", "101 logs", "250 logs", "missing fields", "null fields", "open task"],
)
async def test_edge_cases(sandbox, jodoo, kind):
    form, number = sandbox.world.find(sandbox.world.edge_cases()[kind])
    logs = await jodoo.workflow_logs(sandbox.world.edge_cases()[kind])
    assert len(logs) == sandbox.world.log_count(form, number)
    if kind in ("missing fields", "null fields"):
        assert {(log.finish_time, log.operator, log.attachments) for log in logs} == {(None, None, ())}
    if kind == "open task":
        assert [log.finish_time is None for log in logs] == [False, True]


async def test_unknown_fields_text_of_any_kind_and_half_an_emoji(sandbox, jodoo):
    edge_cases = sandbox.world.edge_cases()
    logs = await jodoo.workflow_logs(edge_cases["unknown fields"])
    assert logs[0].extra == {"weight": 0.5, "labels": ["urgent", None], "extra": "a field of that name"}
    assert logs[0].operator.extra == {"nickname": "Ace"}
    logs = await jodoo.workflow_logs(edge_cases["non-ascii"])
    assert logs[0].comment == "同意。Genehmigt für Müller & Søn 👍\n— 第二行"
    (page,) = [page async for page in jodoo.workflow_logs(edge_cases["lone surrogate"]).pages()]
    assert page.items[1].comment == "cut off here: \ufffd"
    assert json.loads(page.raw[1])["comment"] == "cut off here: \ud83d"


async def test_every_operation(sandbox, jodoo):
    (app,) = await jodoo.apps()
    forms = await jodoo.forms(app.app_id)
    assert [form.name for form in forms] == ["Purchase request", "Leave request", "Suppliers"]
    records = await jodoo.form_records(app.app_id, forms[0].entry_id)
    assert [record.id for record in records] == list(sandbox.world.instance_ids(forms[0].entry_id))
    instance = await jodoo.workflow_instance(records[5].id, tasks=True)
    assert len(instance.tasks) == 100
    assert (await jodoo.workflow_instance(records[5].id)).tasks is None
    suppliers = await jodoo.form_records(app.app_id, forms[2].entry_id)
    assert {record.flow_state for record in suppliers} == {None}


async def test_never_refused_by_a_strict_server_however_many_ask(sandbox):
    ids = list(sandbox.world.instance_ids())[12:]
    clients = [JodooClient("sandbox-key", base_url=f"{sandbox.url}/api") for _ in range(2)]
    jobs: list[Any] = [clients[n % 2].workflow_logs(ids[n]) for n in range(75)]
    jobs += [clients[n % 2].workflow_instance(ids[n]) for n in range(15)]

    async def one(job):
        return await job

    await asyncio.gather(*(one(job) for job in jobs))
    for client in clients:
        await client.aclose()
    assert refused(sandbox) == 0
    assert sum(sandbox.jodoo.answered.values()) == 90


def test_a_second_event_loop_does_not_burst(sandbox):
    instance_id = sandbox.world.edge_cases()["one log"]

    async def burst() -> None:
        async with JodooClient("sandbox-key", base_url=f"{sandbox.url}/api", tenant="twice") as client:
            await asyncio.gather(*(client.workflow_instance(instance_id) for _ in range(20)))

    asyncio.run(burst())
    asyncio.run(burst())
    assert refused(sandbox) == 0


@pytest.mark.parametrize("kind", ["drop", "reset", "500", "502", "html", "empty", "half", "failure"])
async def test_passing_trouble_is_overcome(sandbox, jodoo, kind):
    sandbox.fault(kind, times=2)
    (page,) = [page async for page in jodoo.workflow_logs(sandbox.world.edge_cases()["one log"]).pages()]
    assert (len(page.items), page.attempts) == (1, 3)


@pytest.mark.parametrize("kind", ["8303", "8304", "429"])
async def test_a_rate_refusal_is_waited_out_by_all_in_its_scope(sandbox, jodoo, kind):
    instance_id = sandbox.world.edge_cases()["one log"]
    sandbox.fault(kind, endpoint="workflow_logs")
    begun = time.monotonic()
    refused_one = asyncio.create_task(_all(jodoo.workflow_logs(instance_id)))
    while not any(limit.cooldown for limit in jodoo.limits()):
        await asyncio.sleep(0.005)
    other_operation = asyncio.create_task(jodoo.workflow_instance(instance_id))
    done, _ = await asyncio.wait([refused_one, other_operation], return_when=asyncio.FIRST_COMPLETED)
    if kind == "8304":
        assert other_operation in done, "the limit of one operation holds up no other"
        assert not refused_one.done()
    await asyncio.gather(refused_one, other_operation)
    assert time.monotonic() - begun >= 1.0


async def _all(listing):
    return await listing


async def test_a_timeout_covers_the_whole_attempt(sandbox):
    sandbox.fault("slow", seconds=5)
    policy = RetryPolicy(attempts=1)
    async with JodooClient("sandbox-key", base_url=f"{sandbox.url}/api", timeout=0.1, retry=policy) as client:
        with pytest.raises(TransportError, match=r"no complete response within 0\.1 s"):
            await client.workflow_logs(sandbox.world.edge_cases()["one log"])


async def test_a_transport_tells_when_the_request_left_and_when_its_answer_began():
    async def broken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if answers.pop():
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nnot all of it")
            await writer.drain()
        writer.close()

    answers = [False, True]
    server = await asyncio.start_server(broken, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    transport = make_transport("auto", url)
    timings = []
    for _ in range(2):
        timings.append(Timing())
        with pytest.raises(TransportError):
            await transport.send(
                Request(method="GET", url=url, headers=Headers(), content=b""), timeout=5, timing=timings[-1]
            )
    server.close()
    half, none = timings
    assert half.left is not None
    assert half.began is not None
    assert half.left <= half.began, "an answer, though not all of it"
    assert none.left is not None
    assert none.began is None
    await transport.aclose()
    unreachable = Timing()
    transport = make_transport("auto", url)
    with pytest.raises(TransportError, match="can't connect"):
        await transport.send(
            Request(method="GET", url=url, headers=Headers(), content=b""), timeout=5, timing=unreachable
        )
    assert unreachable == Timing()
    await transport.aclose()


async def test_a_json_list_is_not_the_services(sandbox, jodoo):
    sandbox.fault("list")
    assert len(await jodoo.workflow_logs(sandbox.world.edge_cases()["one log"])) == 1


async def test_cancelling_leaves_nothing_behind(sandbox, jodoo):
    instance_id = sandbox.world.edge_cases()["one log"]
    await jodoo.workflow_logs(instance_id)
    sandbox.fault("slow", times=1000, seconds=30, endpoint="workflow_logs")
    tasks = [asyncio.create_task(_all(jodoo.workflow_logs(instance_id))) for _ in range(40)]
    while sandbox.jodoo.answered["workflow_logs"] < 5:
        await asyncio.sleep(0.01)
    for task in tasks:
        task.cancel()
    assert all(
        isinstance(result, asyncio.CancelledError) for result in await asyncio.gather(*tasks, return_exceptions=True)
    )
    assert [(limit.scope, limit.in_flight) for limit in jodoo.limits()] == [("tenant", 0), ("jodoo.workflow_logs", 0)]
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert (await jodoo.workflow_instance(instance_id)).instance_id == instance_id
    assert refused(sandbox) == 0


async def test_breaking_out_leaves_no_request_running(sandbox, jodoo):
    async for _ in jodoo.workflow_logs(sandbox.world.edge_cases()["250 logs"]):
        break
    gc.collect()
    await asyncio.sleep(0.05)
    assert sandbox.jodoo.answered == {"workflow_logs": 1}
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_thousand_tasks_on_one_default_client_all_succeed(unlimited):
    instance_id = unlimited.world.edge_cases()["one log"]
    async with JodooClient("sandbox-key", base_url=f"{unlimited.url}/api", rate=None) as client:
        results = await asyncio.gather(*(_all(client.workflow_logs(instance_id)) for _ in range(1000)))
    assert [len(result) for result in results] == [1] * 1000


async def test_wrong_key_unknown_instance_and_unknown_type(sandbox, jodoo):
    async with JodooClient("not-the-key", base_url=f"{sandbox.url}/api") as stranger:
        with pytest.raises(AuthenticationError) as refusal:
            await stranger.apps()
    assert (refusal.value.code, refusal.value.attempts) == (8301, 1)
    with pytest.raises(NotFound, match="Invalid instance_id"):
        await jodoo.workflow_logs("659cba93489a49c06f7d4281")
    with pytest.raises(InvalidRequest, match="operate"):
        await jodoo.workflow_logs(sandbox.world.edge_cases()["one log"], types=["operate"])


async def test_nobody_listens(unused_tcp_port):
    async with JodooClient("k", base_url=f"http://127.0.0.1:{unused_tcp_port}/api", retry=QUICK) as client:
        with pytest.raises(TransportError, match="can't connect to 127.0.0.1") as caught:
            await client.apps()
    assert caught.value.attempts == 5


async def test_telemetry_tells_of_each_attempt(sandbox):
    told: list[Telemetry] = []
    async with JodooClient("sandbox-key", base_url=f"{sandbox.url}/api", observers=[told.append, _broken]) as client:
        await client.workflow_logs(sandbox.world.edge_cases()["one log"])
    (record,) = told
    assert isinstance(record, RequestDone)
    assert (record.endpoint, record.tenant, record.attempt, record.status) == ("jodoo.workflow_logs", "default", 1, 200)
    assert record.size > 100
    assert 0 <= record.waited < record.elapsed + 5


def _broken(record: Telemetry) -> None:
    raise RuntimeError("an observer must not change the outcome")


async def test_a_body_over_the_bound_is_not_read(sandbox, jodoo, monkeypatch):
    monkeypatch.setattr("workflowkit._http.transport.LARGEST_BODY", 100)
    with pytest.raises(TransportError, match="larger than"):
        await jodoo.workflow_logs(sandbox.world.edge_cases()["one log"])


async def test_a_page_of_10_mb_is_decoded_beside_the_loop(sandbox, jodoo, monkeypatch):
    serve = sandbox.world.logs
    monkeypatch.setattr(
        sandbox.world, "logs", lambda *wanted: [{**log, "comment": 100_000 * "x"} for log in serve(*wanted)]
    )
    decoded = {}

    def noted(document, returns):
        decoded[len(document.body) > 10_000_000] = threading.get_ident()
        return decode(document, returns)

    monkeypatch.setattr("workflowkit.client.decode", noted)
    logs = await jodoo.workflow_logs(sandbox.world.edge_cases()["100 logs"])
    assert {len(log.comment) for log in logs} == {100_000}
    assert len(logs) == 100
    assert decoded[True] != threading.get_ident()
    assert decoded[False] == threading.get_ident(), "the empty page after it"
