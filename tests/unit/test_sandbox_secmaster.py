"""SecMaster's side of the sandbox, asked without our client: it must be strict where the vendor may be."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest

from workflowkit.sandbox import Workspace
from workflowkit.sandbox.call import Call
from workflowkit.sandbox.gateway import Gateway
from workflowkit.sandbox.iam import Iam
from workflowkit.sandbox.secmaster import SecMaster
from workflowkit.sandbox.workspace import EDGE_CASES, PROJECT_ID, WORKSPACE_ID

VECTORS = json.loads((Path(__file__).parents[1] / "data/secmaster/sign_vectors.json").read_text())["vectors"]
LIST = f"/v1/{PROJECT_ID}/workspaces/{WORKSPACE_ID}/soc/workflows/instances"


def call(path: str = LIST, query: str = "", method: str = "GET", content: bytes = b"", **headers: str) -> Call:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Call(method=method, path=path, query=query, headers=named, content=content, base="http://127.0.0.1")


def iam(**options: Any) -> Iam:
    return Iam({"u": "p"}, "d", PROJECT_ID, **{"life": 60.0, **options})


def ask_for_token(
    service: Iam, *, user: str = "u", password: str = "p", domain: str = "d", project: str = PROJECT_ID
) -> Any:
    who = {"name": user, "password": password, "domain": {"name": domain}}
    auth = {"identity": {"methods": ["password"], "password": {"user": who}}, "scope": {"project": {"id": project}}}
    return service.answer(call("/v3/auth/tokens", method="POST", content=json.dumps({"auth": auth}).encode()))


@pytest.fixture
def gateway():
    return Gateway({"ak": "sk"}, iam(), limited=True)


@pytest.fixture
def service():
    """A SecMaster whose gateway lets everything through."""
    return SecMaster(Workspace(250), SimpleNamespace(refuse=lambda *_: None))  # type: ignore[arg-type]


def told(answer: Any) -> tuple[int, Any]:
    return answer.status_code, json.loads(bytes(answer.body))


SIGNED = [vector for vector in VECTORS if vector["name"] != "non_json_body_unsigned"]


@pytest.mark.parametrize("vector", SIGNED, ids=lambda vector: vector["name"])
@pytest.mark.parametrize("spoilt", [False, True])
def test_the_vendors_signatures_are_accepted_and_no_others(monkeypatch, vector, spoilt):
    date = datetime.strptime(vector["date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    clock = SimpleNamespace(now=lambda _: date, strptime=datetime.strptime)
    monkeypatch.setattr("workflowkit.sandbox.gateway.datetime", clock)
    secret = vector["sk"] + ("?" if spoilt else "")
    key = (secret, vector["security_token"]) if vector["security_token"] else secret
    parts = urlsplit(vector["url"])
    headers = {name.lower(): value for name, value in vector["expected"]["sent_headers"].items()}
    refused = Gateway({vector["ak"]: key}, iam(), limited=False).refuse(
        Call(
            method=vector["method"],
            path=parts.path,
            query=parts.query,
            headers=headers,
            content=(vector["body"] or "").encode(),
            base="",
        ),
        "x",
    )
    assert (refused is not None) is spoilt


def test_who_is_turned_away(gateway):
    stale = "SDK-HMAC-SHA256 Access=ak, SignedHeaders=host;x-sdk-date, Signature=" + "0" * 64
    cases: dict[str, dict[str, Any]] = {
        "x-auth-token not found": {},
        "decrypt token fail": {"x_auth_token": "t"},
        "ak not exist": {"authorization": stale.replace("=ak", "=other"), "x_sdk_date": "20250718T071104Z"},
        "x-sdk-date is expired": {"authorization": stale, "x_sdk_date": "20250718T071104Z"},
    }
    for says, headers in cases.items():
        status, body = told(gateway.refuse(call(**headers), "x"))
        assert (status, body["error_code"]) == (401, "APIGW.0301")
        assert says in body["error_msg"]


def test_the_201st_within_a_second_is_throttled(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr("workflowkit.sandbox.limits.monotonic", lambda: now[0])
    service = iam()
    token = ask_for_token(service).headers["x-subject-token"]
    gateway = Gateway({}, service, limited=True)
    answers = [gateway.refuse(call(x_auth_token=token), "x") for _ in range(201)]
    assert answers[:200] == [None] * 200
    status, body = told(answers[200])
    assert (status, body["error_code"]) == (429, "APIGW.0308")
    assert body["error_msg"].endswith("policy api over ratelimit,limit:200,time:1 second")
    now[0] += 1.001
    assert gateway.refuse(call(x_auth_token=token), "x") is None


def test_tokens():
    service = iam()
    answer = ask_for_token(service)
    token = answer.headers["x-subject-token"]
    assert (answer.status_code, len(token), service.knows(token), service.knows("other")) == (201, 9120, True, None)
    assert json.loads(bytes(answer.body))["token"]["project"]["id"] == PROJECT_ID
    service.revoke()
    assert service.knows(token) is False
    assert told(ask_for_token(service, project="other"))[0] == 401
    assert told(service.answer(call("/v3/auth/tokens", method="POST", content=b"{}")))[0] == 400


def test_five_wrong_passwords_lock_the_account():
    service = iam()
    for _ in range(5):
        assert told(ask_for_token(service, password="?"))[1]["error"]["message"] == "The username or password is wrong."
    status, body = told(ask_for_token(service))
    assert (status, body["error"]["message"]) == (401, "The account is locked.")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("limit=101", "20030001"),
        ("limit=0", "20030001"),
        ("offset=-1", "20030001"),
        ("offset=9901&limit=100", "20030001"),
        ("sort_key=start_time", "20030009"),
        ("sort_dir=up", "20030010"),
        ("from_date=2025-07-18", "20030001"),
        ("from_date=2025-07-18T00:00:00.000Z+0800", "20030001"),  # the plus is a blank, unless it is encoded
        ("colour=red", "20030001"),
    ],
)
def test_lists_that_are_refused(service, query, code):
    status, body = told(service.answer(call(query=query)))
    assert (status, body["code"]) == (400, f"SecMaster.{code}")


def test_lists(service):
    def ids(query: str) -> list[int]:
        status, body = told(service.answer(call(query=query)))
        assert status == 200
        return [int(instance["id"][-12:], 16) for instance in body["instances"]]

    assert ids("") == list(range(249, 239, -1)), "ten of the newest"
    assert ids("sort_dir=ASC&limit=3&offset=2") == [2, 3, 4]
    window = "from_date=2025-07-01T08%3A14%3A00.000Z%2B0800&to_date=2025-07-01T08%3A28%3A00.000Z%2B0800"
    assert ids(f"sort_dir=ASC&{window}") == [2, 3, 4], "both ends belong to a window"
    assert ids("status=RUNNING") == [EDGE_CASES.index("running")]
    assert ids("playbook_id=3e966553-f53d-3d87-835e-000000000001&sort_dir=ASC&limit=2") == [4, 7]
    answer = service.answer(call())
    assert json.loads(bytes(answer.body))["count"] == 250
    assert answer.headers["x-request-id"].endswith("-sandbox")


def test_instances(service):
    found = told(service.answer(call(f"{LIST}/8eed56de-7aaf-4732-baaf-0000000000f9", "show_topology=true")))
    assert (found[0], "topology" in found[1]) == (200, True)
    for path, query, status, code in (
        (f"{LIST}/8eed56de-7aaf-4732-baaf-0000000000fa", "", 400, "SecMaster.20030005"),
        (f"{LIST}/8eed56de-7aaf-4732-baaf-0000000000f9", "show_topology=True", 400, "SecMaster.20030001"),
        (LIST.replace(PROJECT_ID, "p"), "", 400, "SecMaster.20030002"),
        (LIST.replace(WORKSPACE_ID, "w"), "", 403, "SecMaster.20010001"),
        (LIST.replace("/soc/", "/"), "", 404, "APIGW.0101"),
        (f"{LIST}/a/b", "", 404, "APIGW.0101"),
    ):
        answered, body = told(service.answer(call(path, query)))
        assert (answered, body.get("code", body.get("error_code"))) == (status, code)
    assert told(service.answer(call(method="POST")))[0] == 404
