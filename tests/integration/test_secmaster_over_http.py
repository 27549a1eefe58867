"""The SecMaster client against the sandbox, over real sockets, signatures checked."""

from __future__ import annotations

import asyncio
import http.server
import json
import threading
import time
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from workflowkit import (
    AccessKey,
    AuthenticationError,
    IamPassword,
    IamToken,
    NotFound,
    PermissionDenied,
    RetryPolicy,
    SecMasterClient,
    TransportError,
)
from workflowkit.ratelimit.window import window_of
from workflowkit.sandbox import Sandbox
from workflowkit.sandbox.server import ACCESS_KEY, USER
from workflowkit.sandbox.workspace import PROJECT_ID, WORKSPACE_ID
from workflowkit.secmaster import DataClass, Playbook, Status, TriggerType, Workflow, WorkflowInstance

pytestmark = pytest.mark.usefixtures("transport")

QUICK = RetryPolicy(first_delay=0.01, longest_delay=0.05)
SAMPLE = Path(__file__).parents[1] / "data/secmaster/workflow_instance_detail.docs.json"


def connect(sandbox: Sandbox, credentials: Any = None, **options: Any) -> SecMasterClient:
    place = {"base_url": sandbox.url, "project_id": PROJECT_ID, "workspace_id": WORKSPACE_ID}
    return SecMasterClient(credentials or AccessKey(*ACCESS_KEY), **{**place, "retry": QUICK, **options})


@pytest.fixture
async def secmaster(free):
    async with connect(free, rate=None) as client:
        yield client


@pytest.fixture
def with_temporary_key():
    keys: dict[str, str | tuple[str, str]] = {ACCESS_KEY[0]: ACCESS_KEY[1], "TEMPORARY": ("secret", "security-token")}
    with Sandbox(access_keys=keys, limited=False) as server:
        yield server


async def token_of(sandbox: Sandbox) -> str:
    async with connect(sandbox, IamPassword(*USER, iam_endpoint=sandbox.url)) as client:
        await client._auth.prepare()
        (token,) = client._auth._secrets()
    return token


@pytest.mark.parametrize("kind", ["access key", "temporary access key", "password", "token"])
async def test_every_kind_of_credentials(with_temporary_key, kind):
    sandbox = with_temporary_key
    credentials = {
        "access key": AccessKey(*ACCESS_KEY),
        "temporary access key": AccessKey("TEMPORARY", "secret", "security-token"),
        "password": IamPassword(*USER, iam_endpoint=sandbox.url),
        "token": IamToken(await token_of(sandbox)),
    }[kind]
    async with connect(sandbox, credentials, rate=None) as client:
        instance = await client.workflow_instance(sandbox.workspace.edge_cases()["non-ascii"], show_topology=True)
        listed = await client.workflow_instances(
            since=datetime(2025, 7, 1, tzinfo=UTC), status=Status.FINISHED, limit=7
        )
    assert instance.workflow == Workflow(
        id="4a6fe02f-b4b4-3b5f-8a11-000000000000",
        name="自动关闭重复告警",
        name_en="Automatic closing of repeated alerts",
        version="v1",
        version_id="9f436a38-5c82-312b-aaba-000000000000",
    )
    assert instance.topology is not None
    assert [node.action_name for node in instance.topology.audit_logs] == [
        *("start", "queryRepeatedAlerts", "closeAlerts", "end")
    ]
    assert str(instance.request_id).endswith("-sandbox")
    assert len({each.id for each in listed}) == len(listed) > 50
    assert sandbox.iam.answered["iam.tokens"] == (2 if kind == "password" else 1)


async def test_the_seeds_sample_as_the_vendor_prints_it():
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(json.loads(SAMPLE.read_text())["payload"]).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("X-request-id", "uuid-1752822664-host")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        there = SimpleNamespace(url=f"http://127.0.0.1:{server.server_port}")
        async with connect(there) as client:  # type: ignore[arg-type]
            found = await client.workflow_instance("8eed56de-7aaf-4732-baaf-46c1bb11dc8f")
        server.shutdown()
        thread.join()
    beijing = timezone(timedelta(hours=8))
    assert found == WorkflowInstance(
        id="8eed56de-7aaf-4732-baaf-46c1bb11dc8f",
        name="ZFGJZDGB-20250718151103",
        workflow=Workflow(
            id="4a6fe02f-b4b4-3b5f-8a11-6f22229e18db",
            name="Automatic closing of repeated alerts",
            version="v1",
            version_id="9f436a38-5c82-312b-aaba-b91a48e99086",
        ),
        dataclass=DataClass(id="e410ae50-43fa-343e-807a-a2a9edb8018e", name="Alert"),
        playbook=Playbook(id="3e966553-f53d-3d87-835e-7697e353876a", name="Automatic closing of repeated alerts"),
        trigger_type=TriggerType.EVENT,
        status=Status.FINISHED,
        start_time=datetime(2025, 7, 18, 15, 11, 3, tzinfo=beijing),
        end_time=datetime(2025, 7, 18, 15, 11, 4, 577_000, beijing),
        retry_count=0,
        defense_id="",
        dataobject_id="2462e8c3-e393-4af9-93b6-fe424c0b4e39",
    )
    assert found.end_time is not None
    assert found.end_time.utcoffset() == timedelta(hours=8)
    assert (found.topology, found.extra, found.request_id) == (None, {}, "uuid-1752822664-host")


async def test_edge_cases(free, secmaster):
    edge_cases = free.workspace.edge_cases()
    found = {kind: await secmaster.workflow_instance(each, show_topology=True) for kind, each in edge_cases.items()}
    for kind in ("null fields", "missing fields"):
        assert (found[kind].name, found[kind].workflow, found[kind].topology) == (None, None, None)
    assert found["unknown fields"].extra == {"severity": "HIGH", "extra": ["a field of that name", 0.5]}
    assert found["unknown fields"].workflow.extra == {"owner": "soc"}
    assert (found["running"].status, found["running"].end_time) == ("RUNNING", None)
    assert found["running"].topology.audit_logs[-1].succeed is None
    assert found["no nodes"].topology.audit_logs == ()
    assert found["lone surrogate"].name == "cut off here: \ufffd"
    for kind, instance in found.items():
        if kind.startswith("times"):
            number = list(edge_cases).index(kind)
            began = datetime(2025, 7, 1, tzinfo=UTC) + timedelta(minutes=7 * number)
            assert instance.start_time == began, kind
    assert (found["empty times"].start_time, found["empty times"].end_time) == (None, None)


@pytest.mark.parametrize("kind", ["drop", "reset", "500", "502", "html", "empty", "half", "upgrading"])
async def test_passing_trouble_is_overcome(free, secmaster, kind):
    free.fault(kind, times=2)
    told: list[Any] = []
    async with connect(free, rate=None, observers=[told.append]) as client:
        await client.workflow_instance(free.workspace.edge_cases()["running"])
    assert len([record for record in told if type(record).__name__ == "RequestDone"]) == 3


async def test_a_list_where_an_object_belongs_is_not_the_services(free, secmaster):
    free.fault("list", times=100)
    with pytest.raises(TransportError, match="is JSON, but `array`: some gateway or proxy answered"):
        await secmaster.workflow_instance(free.workspace.edge_cases()["running"])


async def test_a_timeout(free):
    free.fault("slow", seconds=5)
    async with connect(free, timeout=0.1, retry=RetryPolicy(attempts=1)) as client:
        with pytest.raises(TransportError, match=r"no complete response within 0\.1 s"):
            await client.workflow_instances()


async def test_a_wrong_secret_is_tried_once(free):
    async with connect(free, AccessKey(ACCESS_KEY[0], "wrong-secret-key")) as client:
        with pytest.raises(AuthenticationError, match="five wrong signatures in a row lock") as caught:
            await client.workflow_instances()
    assert (caught.value.attempts, free.secmaster.answered.total()) == (1, 1)
    assert ACCESS_KEY[0] not in str(caught.value)
    assert "canonicalRequest" not in str(caught.value)


async def test_a_refused_key_is_not_sent_again_for_as_long_as_it_might_be_locked(free, monkeypatch):
    clock = [1000.0]
    monkeypatch.setattr("workflowkit.secmaster.auth.time", SimpleNamespace(monotonic=lambda: clock[0], time=time.time))
    ids = list(free.workspace.instance_ids())[:12]
    async with connect(free, AccessKey(ACCESS_KEY[0], "wrong-secret-key")) as client:
        calls = [client.workflow_instance(each) for each in ids]
        refusals = await asyncio.gather(*calls, return_exceptions=True)
        assert {type(refusal) for refusal in refusals} == {AuthenticationError}
        sent = free.secmaster.answered["APIGW.0301"]
        assert sent == 1, "five would lock the key"
        with pytest.raises(AuthenticationError, match="not tried again for 5 minutes") as again:
            await client.workflow_instances()
        assert (free.secmaster.answered["APIGW.0301"], again.value.attempts) == (sent, 0)
        assert (again.value.endpoint, again.value.item_id) == ("secmaster.workflow_instances", None)
        clock[0] += 301
        with pytest.raises(AuthenticationError):
            await client.workflow_instances()
    assert free.secmaster.answered["APIGW.0301"] == sent + 1
    async with connect(free) as client:
        assert await client.workflow_instances()


@pytest.mark.parametrize("kind", ["drop", "502", "429"])
async def test_a_failure_before_the_refusal_lets_no_other_request_through(free, kind):
    free.fault(kind)
    async with connect(free, AccessKey(ACCESS_KEY[0], "wrong-secret-key")) as client:
        calls = [client.workflow_instance(each) for each in list(free.workspace.instance_ids())[:20]]
        refusals = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(refusal) for refusal in refusals} == {AuthenticationError}
    assert free.secmaster.answered["APIGW.0301"] <= 2, "the sandbox counts the one whose answer was spoilt"


async def test_a_clock_twenty_minutes_ahead(free, monkeypatch):
    ahead = SimpleNamespace(now=lambda zone: datetime.now(zone) + timedelta(minutes=20))
    for module in ("secmaster.auth", "_http.message"):
        monkeypatch.setattr(f"workflowkit.{module}.datetime", ahead)
    async with connect(free) as client:
        with pytest.raises(AuthenticationError, match="your clock is 20 minutes off: ahead of the service's") as caught:
            await client.workflow_instances()
    assert caught.value.attempts == 1


async def test_an_unknown_key_a_token_that_is_none_and_an_expired_one(free):
    for credentials, says in (
        (AccessKey("NOSUCHKEY", "secret"), "ak not exist"),
        (IamToken("no-token"), "decrypt token fail"),
    ):
        async with connect(free, credentials) as client:
            with pytest.raises(AuthenticationError, match=says):
                await client.workflow_instances()
    token = await token_of(free)
    free.iam.revoke()
    async with connect(free, IamToken(token)) as client:
        with pytest.raises(AuthenticationError, match="The token must be updated") as caught:
            await client.workflow_instances()
    assert "a token lives 24 hours" in str(caught.value)
    assert token not in str(caught.value)


async def test_a_revoked_token_is_replaced_in_the_middle_of_things(free):
    ids = list(free.workspace.instance_ids())[:60]
    async with connect(free, IamPassword(*USER, iam_endpoint=free.url), rate=None) as client:
        await asyncio.gather(*map(client.workflow_instance, ids))
        free.iam.revoke()
        await asyncio.gather(*map(client.workflow_instance, ids))
    assert free.iam.answered["iam.tokens"] == 2
    assert free.secmaster.answered["secmaster.workflow_instance"] == 120


async def test_a_wrong_region_asks_for_one_more_token_only(free):
    free.fault("0307", times=100, endpoint="secmaster.workflow_instances")
    async with connect(free, IamPassword(*USER, iam_endpoint=free.url), rate=None) as client:
        with pytest.raises(AuthenticationError, match="check that project and region belong together") as caught:
            await client.workflow_instances()
    assert (free.iam.answered["iam.tokens"], caught.value.attempts) == (2, 2)


async def test_a_wrong_password(free):
    async with connect(free, IamPassword(USER[0], "wrong-password", USER[2], iam_endpoint=free.url)) as client:
        for _ in range(6):
            with pytest.raises(AuthenticationError, match="The username or password is wrong"):
                await client.workflow_instances()
    assert free.iam.answered == {"401": 1}, "or the account would be locked"


async def test_an_unknown_workspace_and_an_unknown_instance(free, secmaster):
    async with connect(free, workspace_id="00000000-558e-46b6-a9eb-07a8e18ca62f") as client:
        with pytest.raises(PermissionDenied, match="Invalid workspace ID") as refused:
            await client.workflow_instances()
    assert (refused.value.status, refused.value.code) == (403, "SecMaster.20010001")
    with pytest.raises(NotFound, match="Failed to obtain the data object") as unknown:
        await secmaster.workflow_instance("00000000-7aaf-4732-baaf-46c1bb11dc8f")
    assert (unknown.value.status, unknown.value.attempts) == (400, 1)
    assert str(unknown.value.request_id).endswith("-sandbox")


async def test_twenty_a_second_unless_told_otherwise(sandbox):
    async with connect(sandbox) as client:
        began = time.monotonic()
        await asyncio.gather(*(client.workflow_instance(each) for each in list(sandbox.workspace.instance_ids())[:45]))
        took = time.monotonic() - began
    assert took > 2.0, "45 requests at 20 a second"
    assert sandbox.secmaster.answered == {"secmaster.workflow_instance": 45}


async def test_a_limit_that_the_gateway_names_is_kept_from_then_on(free):
    free.fault("0308")
    async with connect(free) as client:
        await client.workflow_instances()
        assert window_of(client._scope).ceiling == 10.0
        began = time.monotonic()
        await asyncio.gather(*(client.workflow_instance(each) for each in list(free.workspace.instance_ids())[:21]))
    assert time.monotonic() - began > 1.0, "21 requests at 10 a second"


async def test_cancelling_leaves_nothing_behind(free, secmaster):
    wanted = list(free.workspace.instance_ids())[:40]
    await secmaster.workflow_instance(wanted[0])  # until the key was accepted, one request at a time is sent
    free.fault("slow", times=1000, seconds=30)
    tasks = [asyncio.create_task(secmaster.workflow_instance(each)) for each in wanted]
    while free.secmaster.answered["secmaster.workflow_instance"] < 5:
        await asyncio.sleep(0.01)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert {limit.in_flight for limit in secmaster.limits()} == {0}
    assert asyncio.all_tasks() == {asyncio.current_task()}
