"""The sandbox itself, asked without our client: it must be strict where the vendor may be."""

from __future__ import annotations

import http.client
import json
import socket
from typing import Any

import pytest

from workflowkit.sandbox import FAULTS, Sandbox, World
from workflowkit.sandbox.limits import SlidingSecond
from workflowkit.sandbox.world import APP_ID, EDGE_CASES, FORMS

LOGS = "/api/v1/workflow/instance/logs"
FORM = next(iter(FORMS))


class Caller:
    """One keep-alive connection."""

    def __init__(self, sandbox: Sandbox, key: str = "sandbox-key") -> None:
        self.connection = http.client.HTTPConnection(sandbox.url.removeprefix("http://"), timeout=5)
        self.connection.connect()
        self.connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

    def __call__(self, path: str, body: Any, **headers: str) -> tuple[int, bytes]:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.connection.request("POST", path, content, {**self.headers, **headers})
        answer = self.connection.getresponse()
        return answer.status, answer.read()


@pytest.fixture
def call(sandbox):
    caller = Caller(sandbox)
    yield caller
    caller.connection.close()


def logs_of(instance_id: str, **more: Any) -> dict[str, Any]:
    return {"instance_id": instance_id, "types": ["comment"], **more}


@pytest.fixture
def clock(monkeypatch):
    """The limits' clock, which stands still unless moved."""
    now = [1000.0]
    monkeypatch.setattr("workflowkit.sandbox.limits.monotonic", lambda: now[0])
    return now


def test_the_thirty_first_within_a_second_is_refused_and_the_next_second_is_free(sandbox, call, clock):
    instance_id = sandbox.world.edge_cases()["one log"]
    answers = [call(LOGS, logs_of(instance_id)) for _ in range(40)]
    assert [status for status, _ in answers] == [200] * 30 + [400] * 10
    assert json.loads(answers[-1][1]) == {"code": 8304, "msg": "Request Limit Exceeded"}
    assert sandbox.jodoo.answered == {"workflow_logs": 30, "8304": 10}
    clock[0] += 0.999
    assert call(LOGS, logs_of(instance_id))[0] == 400
    clock[0] += 0.001
    assert call(LOGS, logs_of(instance_id))[0] == 200


def test_the_tenant_limit_counts_all_operations(sandbox, call, clock):
    instance_id = sandbox.world.edge_cases()["one log"]
    answers = [call(LOGS, logs_of(instance_id)) for _ in range(30)]
    answers += [call("/api/v4/workflow/instance/get", {"instance_id": instance_id}) for _ in range(25)]
    assert [status for status, _ in answers] == [200] * 50 + [400] * 5
    assert json.loads(answers[-1][1])["code"] == 8303


def test_keys_of_one_company_share_its_limits(clock):
    with Sandbox(keys={"a": "acme", "b": "acme", "c": "other"}) as sandbox:
        body = logs_of(sandbox.world.edge_cases()["one log"])
        first, second, third = (Caller(sandbox, key) for key in "abc")
        assert [first(LOGS, body)[0] for _ in range(30)] == [200] * 30
        assert second(LOGS, body)[0] == 400
        assert third(LOGS, body)[0] == 200
        for caller in (first, second, third):
            caller.connection.close()


def test_records_are_slower_on_jodoo_than_on_jiandaoyun(clock):
    for edition, accepted in (("jodoo", 5), ("jiandaoyun", 8)):
        with Sandbox(edition=edition) as sandbox:
            caller = Caller(sandbox)
            body = {"app_id": APP_ID, "entry_id": FORM}
            answers = [caller("/api/v5/app/entry/data/list", body)[0] for _ in range(8)]
            assert answers.count(200) == accepted
            caller.connection.close()


@pytest.mark.parametrize(("kind", "count"), EDGE_CASES.items())
def test_edge_cases_have_their_logs_page_by_page(sandbox, call, kind, count):
    instance_id = sandbox.world.edge_cases()[kind]
    sizes = []
    for skip in range(0, count + 100, 100):
        _, body = call(LOGS, logs_of(instance_id, skip=skip, limit=100))
        sizes.append(len(json.loads(body)["logs"]))
    assert sum(sizes) == count
    assert sizes[-1] < 100


@pytest.mark.parametrize(
    ("path", "body", "headers", "code"),
    [
        (LOGS, {}, {"Authorization": "Bearer wrong"}, 8301),
        (LOGS, {}, {"Authorization": ""}, 8301),
        (LOGS, b"nonsense", {}, 1),
        (LOGS, {"instance_id": "no"}, {}, 50016),
        (LOGS, {"instance_id": "6500cba9ffffffffffffffff"}, {}, 50016),
        (LOGS, {"instance_id": "6500cba90000000000000001", "types": ["operate"]}, {}, 17017),
        (LOGS, {"instance_id": "6500cba90000000000000001"}, {}, 17017),
        (LOGS, logs_of("6500cba90000000000000001", limit=101), {}, 17017),
        (LOGS, logs_of("6500cba90000000000000001", skip=-1), {}, 17017),
        ("/api/v4/workflow/instance/get", {"instance_id": "x"}, {}, 50016),
        (LOGS, logs_of("6502cba90000000000000001"), {}, 5056),
        ("/api/v5/app/entry/list", {"app_id": "x"}, {}, 2004),
        ("/api/v5/app/entry/data/list", {"app_id": APP_ID, "entry_id": "x"}, {}, 3000),
        ("/api/v5/app/entry/data/list", {"app_id": APP_ID, "entry_id": FORM, "data_id": "x"}, {}, 4001),
    ],
)
def test_errors_are_http_400_with_the_documented_code(call, path, body, headers, code):
    status, answer = call(path, body, **headers)
    assert (status, json.loads(answer)["code"]) == (400, code)


def test_every_fault_can_be_asked_for_over_http(sandbox, call):
    body = logs_of(sandbox.world.edge_cases()["one log"])
    fine = call(LOGS, body)
    for kind in FAULTS:
        status, _ = call("/sandbox/faults", {"kind": kind, "seconds": 0.01})
        assert status == 204
        try:
            answer = call(LOGS, body)
        except (http.client.HTTPException, ConnectionError):
            answer = (0, b"")
            call.connection.close()
        assert (answer == fine) == (kind == "slow")
    assert call(LOGS, body)[0] == 200
    assert call("/sandbox/faults", {"kind": "earthquake"})[0] == 400


def test_records_can_be_chosen_by_state_and_fields(call):
    def records(**more: Any) -> list[dict[str, Any]]:
        _, answer = call("/api/v5/app/entry/data/list", {"app_id": APP_ID, "entry_id": FORM, **more})
        found: list[dict[str, Any]] = json.loads(answer)["data"]
        return found

    def state(value: int) -> dict[str, Any]:
        return {"rel": "and", "cond": [{"field": "flowState", "method": "eq", "value": [value]}]}

    assert records(filter=state(0)) == []
    assert len(records(filter=state(1))) == 10
    assert not any(name.startswith("_widget") for name in records(fields=["other"])[0])


@pytest.mark.parametrize("change", [{"field": "flowstate"}, {"method": "equals"}, {"value": ["0"]}, {"value": "0"}])
def test_what_it_does_not_understand_in_a_filter_is_ignored(call, change):
    condition = {"field": "flowState", "method": "eq", "value": [0], **change}
    body = {"app_id": APP_ID, "entry_id": FORM, "filter": {"rel": "and", "cond": [condition]}}
    assert len(json.loads(call("/api/v5/app/entry/data/list", body)[1])["data"]) == 10, "the whole form"


def test_a_projection_leaves_out_the_state(call):
    body = {"app_id": APP_ID, "entry_id": FORM, "limit": 1}
    for fields, has_state in (([], True), (["_id"], True), (["_widget_1508400000001"], False)):
        (record,) = json.loads(call("/api/v5/app/entry/data/list", {**body, "fields": fields})[1])["data"]
        assert ("flowState" in record, "_id" in record) == (has_state, True)


def test_faults_can_be_meant_for_one_operation(sandbox, call):
    sandbox.fault("500", endpoint="apps")
    assert call(LOGS, logs_of(sandbox.world.edge_cases()["one log"]))[0] == 200
    assert call("/api/v5/app/list", {})[0] == 500
    assert call("/api/v5/app/list", {})[0] == 200


def test_a_world_of_any_size_is_the_same_every_time():
    small, large = World(300), World(10_000_000)
    assert list(small.instance_ids())[:100] == [next(ids) for ids in [large.instance_ids()] for _ in range(100)]
    assert sum(World(301).count(form) for form in list(FORMS)[:2]) == 301
    assert large.logs(FORM, 4_999_999, 0, 100, "") == World(10_000_000).logs(FORM, 4_999_999, 0, 100, "")


def test_sliding_second_slides(clock):
    window = SlidingSecond(2)
    full = []
    for at in (0.0, 0.5, 0.625, 1.0, 1.125, 1.5):
        clock[0] = 1000 + at
        full.append(window.is_full())
        if not full[-1]:
            window.accept()
    assert full == [False, False, True, False, True, False]
