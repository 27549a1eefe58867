"""The SecMaster client against a mocked network: what exactly is sent, and what is made of the answer."""

from __future__ import annotations

import asyncio
import json
import math
import os
import pickle
import re
import time
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from zoneinfo import ZoneInfo

import httpx
import pytest

from workflowkit import (
    AccessKey,
    ApiError,
    AuthenticationError,
    ConfigError,
    DecodeError,
    IamPassword,
    IamToken,
    InvalidRequest,
    NotFound,
    PermissionDenied,
    RateLimited,
    RetryPolicy,
    SecMasterClient,
    ServerError,
    TransportError,
    WorkflowKitError,
)
from workflowkit.ratelimit.window import window_of
from workflowkit.secmaster.regions import REGIONS, iam_url
from workflowkit.telemetry import RequestDone, Retrying, Telemetry

pytestmark = pytest.mark.usefixtures("respx_works")

PROJECT = "0a1b2c3d4e5f60718293a4b5c6d7e8f9"
WORKSPACE = "909494e3-558e-46b6-a9eb-07a8e18ca62f"
INSTANCE = "8eed56de-7aaf-4732-baaf-46c1bb11dc8f"
BASE = "https://secmaster.ap-southeast-3.myhuaweicloud.com"
LIST = f"{BASE}/v1/{PROJECT}/workspaces/{WORKSPACE}/soc/workflows/instances"
DETAIL = f"{LIST}/{INSTANCE}"
TOKENS = "https://iam.ap-southeast-3.myhuaweicloud.com/v3/auth/tokens"
AT_ONCE = RetryPolicy(first_delay=0.001, longest_delay=0.001)
KEY = AccessKey("AKDUMMY0000000000001", "SkDummySecretDummySecretDummySecret00001")
PASSWORD = IamPassword("user", "p4ssw0rd-nobody-may-see", "domain")
REFUSED = {"error_code": "APIGW.0307", "error_msg": "The token must be updated.", "request_id": "r"}


def client(credentials: Any = KEY, **options: Any) -> SecMasterClient:
    defaults = {"region": "ap-southeast-3", "project_id": PROJECT, "workspace_id": WORKSPACE}
    return SecMasterClient(credentials, **{"rate": None, "retry": AT_ONCE, **defaults, **options})


def token_answer(token: str = "T" * 9120, life: timedelta = timedelta(hours=24), **more: Any) -> httpx.Response:
    now = datetime.now(UTC)
    times = {"issued_at": f"{now:%Y-%m-%dT%H:%M:%S.%fZ}", "expires_at": f"{now + life:%Y-%m-%dT%H:%M:%S.%fZ}"}
    return httpx.Response(201, json={"token": {**times, **more}}, headers={"X-Subject-Token": token})


async def test_an_instance(respx_mock):
    route = respx_mock.get(DETAIL).respond(json={"id": INSTANCE}, headers={"X-request-id": "uuid-1-host"})
    async with client() as secmaster:
        instance = await secmaster.workflow_instance(INSTANCE)
        await secmaster.workflow_instance(INSTANCE, show_topology=True)
    assert instance.request_id == "uuid-1-host"
    plain, with_topology = (each.request for each in route.calls)
    assert plain.url.query == b""
    assert with_topology.url.query == b"show_topology=true"
    assert plain.method == "GET"
    assert plain.content == b""
    assert plain.headers["content-type"] == "application/json;charset=UTF-8"
    assert plain.headers["user-agent"].startswith("workflowkit/")


async def test_a_list_with_every_filter(respx_mock):
    route = respx_mock.get(LIST).respond(json={"count": 0, "instances": []})
    async with client() as secmaster:
        found = await secmaster.workflow_instances(
            since=datetime(2025, 7, 17, 16, tzinfo=UTC),
            until=datetime(2025, 7, 18, 23, 59, 59, 999_000, timezone(timedelta(hours=8))),
            status="FAILED",
            trigger_type="EVENT",
            name="a b&c",
            workflow_id="w",
            playbook_id="p",
            dataclass_id="c",
            dataobject_id="o",
            defense_id="d",
            instance_id="i",
            limit=7,
        )
    assert found == []
    ((sent,),) = [[each.request for each in route.calls]]
    assert sent.url.query == (
        b"dataclass_id=c&dataobject_id=o&defence_id=d&from_date=2025-07-18T00%3A00%3A00.000Z%2B0800&id=i&limit=7"
        b"&name=a%20b%26c&offset=0&playbook_id=p&sort_dir=ASC&status=FAILED"
        b"&to_date=2025-07-18T23%3A59%3A59.999Z%2B0800&trigger_type=EVENT&workflow_id=w"
    )


async def test_pages_tell_of_their_request_and_keep_the_vendors_bytes(respx_mock):
    row = b'{"id":"i1",  "start_time":"2025-07-18T15:11:03.000Z+0800"}'
    respx_mock.get(LIST).respond(content=b'{"count":1,"instances":[' + row + b"]}", headers={"X-Request-Id": "r-1"})
    async with client() as secmaster:
        (page,) = [page async for page in secmaster.workflow_instances().pages()]
    assert (page.request_id, page.raw, page.cursor, page.attempts) == ("r-1", (row,), None, 1)
    assert page.items[0].request_id == "r-1"


async def test_a_list_that_is_null_holds_nothing(respx_mock):
    respx_mock.get(LIST).respond(json={"count": 0, "instances": None})
    async with client() as secmaster:
        assert await secmaster.workflow_instances() == []


@pytest.mark.parametrize(
    ("answer", "kind", "attempts"),
    [
        (httpx.Response(400, json={"code": "SecMaster.20030005", "message": "m"}), NotFound, 1),
        (httpx.Response(400, json={"code": "SecMaster.20030001", "message": "m"}), InvalidRequest, 1),
        (httpx.Response(403, json={"code": "SecMaster.20010001", "message": "m"}), PermissionDenied, 1),
        (httpx.Response(400, json={"code": "SecMaster.11181002", "message": "upgrading"}), ServerError, 5),
        (httpx.Response(400, json={"code": "New.1", "message": "m"}), ApiError, 1),
        (httpx.Response(401, json={"error_code": "APIGW.0301", "error_msg": "m"}), AuthenticationError, 1),
        (httpx.Response(502, html="<html>"), ServerError, 5),
        (httpx.Response(504), ServerError, 5),
        (httpx.Response(200, html="<html>"), TransportError, 5),
        (httpx.Response(200), TransportError, 5),
        (httpx.Response(200, json=[]), TransportError, 5),
        (httpx.Response(200, json=None), TransportError, 5),
        (httpx.Response(408), ServerError, 5),
        (httpx.Response(425, html="<html>"), ServerError, 5),
        (httpx.Response(403, html="<html>"), ApiError, 1),
        (httpx.Response(404, html="<html>"), ApiError, 1),
        (httpx.Response(200, json={"id": 7}), DecodeError, 1),
        (httpx.Response(200, json={"code": "SecMaster.20030001", "message": "m"}), ApiError, 1),
        (httpx.Response(429, json={"error_code": "APIGW.0308", "error_msg": "too many"}), RateLimited, 20),
    ],
)
async def test_errors_become_classes_and_attempts(respx_mock, answer, kind, attempts, monkeypatch):
    monkeypatch.setattr("workflowkit.ratelimit.window.SlidingWindow.cool_down", lambda *_: None)
    answer.headers["X-Request-Id"] = "r-9"
    route = respx_mock.get(DETAIL).mock(return_value=answer)
    async with client() as secmaster:
        with pytest.raises(WorkflowKitError) as caught:
            await secmaster.workflow_instance(INSTANCE)
    assert isinstance(caught.value, kind)
    assert route.call_count == attempts == caught.value.attempts
    assert (caught.value.endpoint, caught.value.item_id) == ("secmaster.workflow_instance", INSTANCE)
    assert caught.value.request_id == "r-9"


async def test_a_refusal_that_names_a_limit_lowers_it_for_good(respx_mock, monkeypatch):
    monkeypatch.setattr("workflowkit.ratelimit.window.SlidingWindow.cool_down", lambda *_: None)
    message = "The throttling threshold has been reached: policy user over ratelimit,limit:5,time:1 second"
    throttled = httpx.Response(429, json={"error_code": "APIGW.0308", "error_msg": message})
    respx_mock.get(DETAIL).mock(side_effect=[throttled, *[httpx.Response(200, json={"id": INSTANCE})] * 12])
    async with client(rate="default") as secmaster:
        scope = secmaster._scope
        began = asyncio.get_running_loop().time()
        await asyncio.gather(*(secmaster.workflow_instance(INSTANCE) for _ in range(11)))
    assert window_of(scope).ceiling == 5.0
    assert [limit.rate for limit in secmaster.limits()] == [5.0, None]
    assert asyncio.get_running_loop().time() - began > 1.0, "two windows of five cannot fit in one second"


async def test_a_limit_of_one_operation_lowers_that_one_only(respx_mock, monkeypatch):
    monkeypatch.setattr("workflowkit.ratelimit.window.SlidingWindow.cool_down", lambda *_: None)
    message = "The throttling threshold has been reached: policy api over ratelimit,limit:60,time:1 minute"
    throttled = httpx.Response(429, json={"error_code": "APIGW.0308", "error_msg": message})
    respx_mock.get(DETAIL).mock(side_effect=[throttled, *[httpx.Response(200, json={"id": INSTANCE})] * 2])
    async with client(rate="default") as secmaster:
        await secmaster.workflow_instance(INSTANCE)
        scope = (*secmaster._scope, "secmaster.workflow_instance")
        assert (window_of(scope).ceiling, window_of(secmaster._scope).ceiling) == (1.0, math.inf)
        began = asyncio.get_running_loop().time()
        await secmaster.workflow_instance(INSTANCE)
    assert asyncio.get_running_loop().time() - began > 0.5, "one a second"


async def test_every_attempt_is_signed_anew(respx_mock, monkeypatch):
    clock = [datetime(2025, 7, 18, 7, 11, 4, tzinfo=UTC)]

    def now(_: object) -> datetime:
        clock[0] += timedelta(seconds=61)
        return clock[0]

    monkeypatch.setattr("workflowkit.secmaster.auth.datetime", SimpleNamespace(now=now))
    route = respx_mock.get(DETAIL).mock(
        side_effect=[httpx.Response(503), httpx.ReadError("x"), httpx.Response(200, json={"id": INSTANCE})]
    )
    async with client(AccessKey(KEY.ak, KEY.sk, "security-token")) as secmaster:
        await secmaster.workflow_instance(INSTANCE)
    sent = [each.request.headers for each in route.calls]
    assert [each["x-sdk-date"] for each in sent] == ["20250718T071205Z", "20250718T071306Z", "20250718T071407Z"]
    assert len({each["authorization"] for each in sent}) == 3
    assert {(each["x-project-id"], each["x-security-token"]) for each in sent} == {(PROJECT, "security-token")}
    assert "content-type;host;user-agent;x-project-id;x-sdk-date;x-security-token" in sent[0]["authorization"]


async def test_a_refused_signature_says_what_to_do_and_repeats_no_request(respx_mock):
    sample = Path(__file__).parents[1] / "data/secmaster/error_apigw_0301_signature.docs.json"
    route = respx_mock.get(DETAIL).respond(401, json=json.loads(sample.read_text())["payload"])
    async with client() as secmaster:
        with pytest.raises(AuthenticationError) as caught:
            await secmaster.workflow_instance(INSTANCE)
    assert str(caught.value) == (
        f"secmaster.workflow_instance of {INSTANCE}: Incorrect IAM authentication information: verify aksk signature "
        "fail (HTTP 401, code APIGW.0301, request id ******); check access key and secret key; not tried again for "
        "5 minutes, since five wrong signatures in a row lock an access key for as long"
    )
    assert route.call_count == 1


@pytest.mark.parametrize(("minutes", "says"), [(17, "17 minutes off: ahead of"), (-40, "40 minutes off: behind")])
async def test_a_clock_that_is_wrong_is_named(respx_mock, monkeypatch, minutes, says):
    theirs = format_datetime(datetime.now(UTC) - timedelta(minutes=minutes), usegmt=True)
    body = {"error_code": "APIGW.0301", "error_msg": "Incorrect IAM authentication information"}
    route = respx_mock.get(DETAIL).respond(401, json=body, headers={"Date": theirs})
    async with client() as secmaster:
        with pytest.raises(AuthenticationError, match=says) as caught:
            await secmaster.workflow_instance(INSTANCE)
        assert "set it right, then it is tried again" in str(caught.value)
        assert (route.call_count, caught.value.attempts) == (1, 1)
        with pytest.raises(AuthenticationError, match=says):
            await secmaster.workflow_instance(INSTANCE)
        assert route.call_count == 1, "the clock is as it was"
        now = time.time
        monkeypatch.setattr(time, "time", lambda: now() - 60 * minutes)
        route.respond(200, json={"id": INSTANCE})
        assert (await secmaster.workflow_instance(INSTANCE)).id == INSTANCE, "it was set"


async def test_a_locked_key_is_called_so(respx_mock):
    message = "Incorrect IAM authentication information: AK access failed to reach the limit,forbidden."
    respx_mock.get(DETAIL).respond(401, json={"error_code": "APIGW.0301", "error_msg": message})
    async with client() as secmaster:
        with pytest.raises(AuthenticationError, match="this access key is locked .*: wait 5 minutes"):
            await secmaster.workflow_instance(INSTANCE)


@pytest.mark.parametrize(("password", "shown"), [("wrong", True), ("password", True), ("Passw0rd!", False)])
async def test_words_of_a_message_are_not_taken_for_a_password(respx_mock, password, shown):
    message = f"The username or password is wrong. Passw0rd! {password}"
    respx_mock.post(TOKENS).respond(401, json={"error": {"code": 401, "message": message}})
    async with client(IamPassword("u", password, "d")) as secmaster:
        with pytest.raises(AuthenticationError) as caught:
            await secmaster.workflow_instance(INSTANCE)
    assert str(caught.value).startswith("iam.tokens: The username or password is wrong.")
    assert (password in str(caught.value)) is shown


async def test_a_given_token_is_sent_and_never_renewed(respx_mock):
    token = "T" * 9120
    route = respx_mock.get(DETAIL).respond(401, json=REFUSED)
    async with client(IamToken(token)) as secmaster:
        with pytest.raises(AuthenticationError, match="a token lives 24 hours") as caught:
            await secmaster.workflow_instance(INSTANCE)
    assert route.call_count == 1
    assert route.calls[0].request.headers["x-auth-token"] == token
    assert token not in str(caught.value)


async def test_a_password_gets_one_token_for_many_calls(respx_mock):
    tokens = respx_mock.post(TOKENS).mock(return_value=token_answer())
    route = respx_mock.get(DETAIL).respond(json={"id": INSTANCE})
    told: list[Telemetry] = []
    async with client(PASSWORD, observers=[told.append]) as secmaster:
        await asyncio.gather(*(secmaster.workflow_instance(INSTANCE) for _ in range(30)))
    assert (tokens.call_count, route.call_count) == (1, 30)
    sent = tokens.calls[0].request
    assert sent.url.query == b"nocatalog=true"
    assert sent.headers["content-type"] == "application/json;charset=utf8"
    assert json.loads(sent.content) == {
        "auth": {
            "identity": {
                "methods": ["password"],
                "password": {
                    "user": {"name": "user", "password": "p4ssw0rd-nobody-may-see", "domain": {"name": "domain"}}
                },
            },
            "scope": {"project": {"id": PROJECT}},
        }
    }
    assert {each.request.headers["x-auth-token"] for each in route.calls} == {"T" * 9120}
    assert [record.endpoint for record in told if isinstance(record, RequestDone)].count("iam.tokens") == 1


@pytest.mark.parametrize(
    ("life", "calls"), [(timedelta(hours=24), 1), (timedelta(minutes=15), 1), (timedelta(seconds=-1), 1)]
)
async def test_a_new_token_serves_for_a_while_whatever_its_life_seems_to_be(respx_mock, life, calls):
    tokens = respx_mock.post(TOKENS).mock(side_effect=lambda _: token_answer(life=life))
    respx_mock.get(DETAIL).respond(json={"id": INSTANCE})
    async with client(PASSWORD) as secmaster:
        for _ in range(3):
            await secmaster.workflow_instance(INSTANCE)
    assert tokens.call_count == calls


async def test_a_token_is_renewed_before_it_ends(respx_mock, monkeypatch):
    clock = [1000.0]
    monkeypatch.setattr("workflowkit.secmaster.auth.time", SimpleNamespace(monotonic=lambda: clock[0]))
    tokens = respx_mock.post(TOKENS).mock(side_effect=lambda _: token_answer())
    respx_mock.get(DETAIL).respond(json={"id": INSTANCE})
    async with client(PASSWORD) as secmaster:
        for hours, calls in ((0, 1), (23.8, 1), (23.9, 2), (24, 2), (47.8, 3)):
            clock[0] = 1000.0 + hours * 3600
            await secmaster.workflow_instance(INSTANCE)
            assert tokens.call_count == calls, hours


@pytest.mark.parametrize("code", ["APIGW.0307", "APIG.0307", "APIGW.0301", "APIG.0301"])
async def test_a_refused_token_is_renewed_once_by_one_for_all(respx_mock, code):
    names = iter(["old", "new"])
    tokens = respx_mock.post(TOKENS).mock(side_effect=lambda _: token_answer(next(names)))

    def answer(request: httpx.Request) -> httpx.Response:
        if request.headers["x-auth-token"] == "new":
            return httpx.Response(200, json={"id": INSTANCE})
        return httpx.Response(401, json={"error_code": code, "error_msg": "m"})

    route = respx_mock.get(DETAIL).mock(side_effect=answer)
    told: list[Telemetry] = []
    async with client(PASSWORD, observers=[told.append]) as secmaster:
        await asyncio.gather(*(secmaster.workflow_instance(INSTANCE) for _ in range(10)))
    assert tokens.call_count == 2
    assert route.call_count <= 20
    assert {(record.error, record.delay) for record in told if isinstance(record, Retrying)} == {
        ("AuthenticationError", 0.0)
    }


async def test_a_new_token_that_is_refused_too_ends_it(respx_mock):
    tokens = respx_mock.post(TOKENS).mock(side_effect=lambda _: token_answer())
    route = respx_mock.get(DETAIL).respond(401, json=REFUSED)
    async with client(PASSWORD) as secmaster:
        with pytest.raises(AuthenticationError, match="check that project and region belong together") as caught:
            await secmaster.workflow_instance(INSTANCE)
    assert (tokens.call_count, route.call_count, caught.value.attempts) == (2, 2, 2)


async def test_who_waits_for_the_limits_while_a_token_is_renewed_does_not_send_the_old_one(respx_mock):
    names = iter(["old", "new"])

    async def token(_: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0.1)
        return token_answer(next(names))

    def answer(request: httpx.Request) -> httpx.Response:
        good = request.headers["x-auth-token"] == "new"
        return httpx.Response(200, json={"id": INSTANCE}) if good else httpx.Response(401, json=REFUSED)

    respx_mock.post(TOKENS).mock(side_effect=token)
    route = respx_mock.get(DETAIL).mock(side_effect=answer)
    async with client(PASSWORD, rate=50) as secmaster:
        await asyncio.gather(*(secmaster.workflow_instance(INSTANCE) for _ in range(30)))
    sent = [each.request.headers["x-auth-token"] for each in route.calls]
    assert sent.count("new") == 30
    assert set(sent) == {"old", "new"}
    assert sent.count("old") < 10
    assert {limit.in_flight for limit in secmaster.limits()} == {0}


@pytest.mark.parametrize("code", ["APIGW.0303", "APIGW.0305", None])
async def test_other_refusals_renew_nothing(respx_mock, code):
    tokens = respx_mock.post(TOKENS).mock(return_value=token_answer())
    route = respx_mock.get(DETAIL).respond(401, json={"error_code": code, "error_msg": "m"})
    async with client(PASSWORD) as secmaster:
        with pytest.raises(AuthenticationError):
            await secmaster.workflow_instance(INSTANCE)
    assert (tokens.call_count, route.call_count) == (1, 1)


async def test_a_wrong_password_is_sent_once_however_many_wait(respx_mock):
    wrong = {"error": {"code": 401, "message": "The username or password is wrong.", "title": "Unauthorized"}}
    tokens = respx_mock.post(TOKENS).respond(401, json=wrong)
    async with client(PASSWORD) as secmaster:
        calls = [secmaster.workflow_instance(INSTANCE) for _ in range(10)]
        refusals = await asyncio.gather(*calls, return_exceptions=True)
        with pytest.raises(AuthenticationError, match="five wrong passwords lock the account for 15 minutes"):
            await secmaster.workflow_instance(INSTANCE)
    assert {type(refusal) for refusal in refusals} == {AuthenticationError}
    assert len({id(refusal) for refusal in refusals}) == 10, "each caller has an error of its own"
    assert tokens.call_count == 1
    assert "p4ssw0rd" not in str(refusals)


async def test_when_iam_fails_all_who_wait_fail_with_it_and_the_next_call_tries_again(respx_mock):
    tokens = respx_mock.post(TOKENS).mock(side_effect=[*[httpx.Response(503)] * 5, token_answer()])
    respx_mock.get(DETAIL).respond(json={"id": INSTANCE})
    async with client(PASSWORD) as secmaster:
        calls = [secmaster.workflow_instance(INSTANCE) for _ in range(10)]
        failures = await asyncio.gather(*calls, return_exceptions=True)
        assert {type(failure) for failure in failures} == {ServerError}
        assert tokens.call_count == 5
        await secmaster.workflow_instance(INSTANCE)


async def test_cancelling_who_asks_for_a_token_lets_the_next_one_ask(respx_mock):
    asked = asyncio.Event()
    names = iter(["never", "second"])

    async def answer(_: httpx.Request) -> httpx.Response:
        name = next(names)
        if not asked.is_set():
            asked.set()
            await asyncio.sleep(60)
        return token_answer(name)

    respx_mock.post(TOKENS).mock(side_effect=answer)
    route = respx_mock.get(DETAIL).respond(json={"id": INSTANCE})
    async with client(PASSWORD) as secmaster:
        first, second = (asyncio.create_task(secmaster.workflow_instance(INSTANCE)) for _ in range(2))
        await asked.wait()
        first.cancel()
        assert (await second).id == INSTANCE
        with pytest.raises(asyncio.CancelledError):
            await first
    assert [each.request.headers["x-auth-token"] for each in route.calls] == ["second"]


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (token_answer(""), "no X-Subject-Token"),
        (httpx.Response(201, json={"token": {}}), r"\$\.token"),
        (httpx.Response(201, json={"token": {"x": 1}}), r"\$\.token\.expires_at"),
    ],
)
async def test_an_answer_without_a_token(respx_mock, answer, says):
    respx_mock.post(TOKENS).mock(return_value=answer)
    async with client(PASSWORD) as secmaster:
        with pytest.raises(DecodeError, match=says) as caught:
            await secmaster.workflow_instance(INSTANCE)
    assert str(caught.value).startswith("iam.tokens: ")


def test_regions_and_where_their_tokens_come_from():
    assert len(REGIONS) == len(set(REGIONS)) == 28
    for region in REGIONS:
        domain = "eu" if region == "eu-west-101" else "com"
        assert client(region=region)._base_url == f"https://secmaster.{region}.myhuaweicloud.{domain}"
    assert iam_url("https://secmaster.cn-north-4.myhuaweicloud.com") == "https://iam.cn-north-4.myhuaweicloud.com"
    for domain in ("com", "eu"):  # the European site is one of its own
        european = f"https://secmaster.eu-west-101.myhuaweicloud.{domain}"
        assert iam_url(european) == "https://iam.eu-west-101.myhuaweicloud.eu"
    assert iam_url("https://secmaster.af-north-1.myhuaweicloud.com") == "https://iam.myhuaweicloud.com"
    assert iam_url("https://secmaster.example.com") is None


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (
            {"region": "mars-1"},
            "region='mars-1': pass one of cn-north-1, .* or, for any other, its address as base_url",
        ),
        ({"region": None}, "region: pass one, such as 'ap-southeast-3'"),
        ({"project_id": ""}, "project_id='': pass an id such as '909494e3558e46b6a9eb07a8e18ca62f'"),
        ({"workspace_id": "a/b"}, "workspace_id='a/b': pass an id such as '909494e3-558e-46b6-a9eb-07a8e18ca62f'"),
        ({"base_url": "https://h.example/v1"}, "base_url='https://h.example/v1': pass scheme and host only"),
        ({"base_url": "http://h.example"}, "over http anyone on the way can read"),
        ({"base_url": "h.example"}, "pass a URL such as"),
        ({"credentials": "token"}, "credentials of type str: pass AccessKey, IamPassword or IamToken"),
        (
            {"credentials": PASSWORD, "region": None, "base_url": "https://soc.example.com"},
            "IamPassword(..., iam_endpoint=...)",
        ),
        (
            {"credentials": IamPassword("u", "p", "d", iam_endpoint="http://iam.example.com")},
            "over http anyone on the way",
        ),
        (
            {"credentials": IamPassword("u", "p", "d", iam_endpoint="https://iam.example.com/v3")},
            "iam_endpoint='https://iam.example.com/v3': pass scheme and host only",
        ),
        ({"rate": 0}, "rate=0"),
        ({"tenant": ""}, "tenant: pass a name"),
    ],
)
def test_what_cannot_work_is_said_before_anything_is_sent(options, says):
    with pytest.raises(ConfigError) as caught:
        client(**{"credentials": KEY, **options})
    assert re.search(says if ".*" in says else re.escape(says), str(caught.value)), str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"limit": 0}, "limit=0"),
        ({"status": "failed"}, "status='failed': pass 'FAILED'"),
        ({"trigger_type": "event"}, "trigger_type='event': pass 'EVENT'"),
        ({"name": ""}, "name='': pass a text that isn't empty"),
        ({"name": "half \ud83d"}, "pass a text"),
        ({"until": datetime(9999, 12, 31, 23, tzinfo=UTC)}, "pass a time from 1970 to 9998"),
        ({"since": datetime(2025, 7, 18)}, "pass a datetime with a time zone"),  # noqa: DTZ001
        ({"until": "2025-07-18"}, "until='2025-07-18': pass a datetime"),
        (
            {"since": datetime(2025, 7, 18, tzinfo=UTC), "until": datetime(2025, 7, 18, tzinfo=UTC)},
            "since=2025-07-18T00:00:00+00:00 is not before until=2025-07-18T00:00:00+00:00",
        ),
    ],
)
def test_a_listing_that_cannot_work(arguments, says):
    with pytest.raises(ConfigError, match=re.escape(says)):
        client().workflow_instances(**arguments)


async def test_an_id_that_is_none():
    with pytest.raises(InvalidRequest, match=r"instance_id='\.\./x'"):
        await client().workflow_instance("../x")


@pytest.mark.parametrize(
    "cursor", [7, "", "//inf/0/0", "///-1/0", "///10000/0", "2025-07-18T00:00:00///0/0", "//0/0/0"]
)
async def test_a_cursor_of_another_listing(cursor):
    with pytest.raises(ConfigError, match="pass one that a page of this listing named"):
        await anext(client().workflow_instances().pages(after=cursor))


@pytest.mark.parametrize("credentials", [KEY, PASSWORD, IamToken("s3cr3t")], ids=lambda each: type(each).__name__)
def test_credentials_show_nothing_and_stay_in_their_process(credentials):
    assert repr(credentials) == f"{type(credentials).__name__}([redacted])"
    for secret in (credentials, client(credentials), client(credentials)._auth):
        assert not re.search("Dummy|DUMMY|p4ss|s3cr3t", repr(secret))
        with pytest.raises(TypeError, match="can't be pickled"):
            pickle.dumps(secret)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: AccessKey("", "s"), "the access key (AK) is empty"),
        (lambda: AccessKey(cast("str", os.environ.get("NOT_SET")), "s"), "the access key (AK) is empty"),
        (lambda: AccessKey("a", "s k"), "the secret key (SK) (3 characters) contains a blank"),
        (lambda: AccessKey("a", "s", "\n"), "the security token (1 characters) contains a blank"),
        (lambda: IamToken(""), "the token is empty"),
        (lambda: IamPassword("u", "", "d"), "password is empty"),
    ],
)
def test_credentials_that_cannot_be(make, says):
    with pytest.raises(ConfigError, match=re.escape(says)):
        make()


PLACE = {
    "HUAWEICLOUD_SDK_PROJECT_ID": PROJECT,
    "SECMASTER_WORKSPACE_ID": WORKSPACE,
    "SECMASTER_REGION": "ap-southeast-3",
}
AK_SK = {"HUAWEICLOUD_SDK_AK": "ak", "HUAWEICLOUD_SDK_SK": "sk"}
USER = {"SECMASTER_USER": "u", "SECMASTER_PASSWORD": "p", "SECMASTER_DOMAIN": "d"}
TOKEN = {"SECMASTER_TOKEN": "t"}


@pytest.mark.parametrize(
    ("env", "auth", "base_url"),
    [
        ({**PLACE, **AK_SK}, "Signer", BASE),
        ({**PLACE, **AK_SK, "HUAWEICLOUD_SDK_SECURITY_TOKEN": "st"}, "Signer", BASE),
        ({**PLACE, **USER}, "RefreshingToken", BASE),
        ({**PLACE, **TOKEN}, "StaticToken", BASE),
        (
            {**PLACE, **TOKEN, "SECMASTER_BASE_URL": "https://soc.example.com/"},
            "StaticToken",
            "https://soc.example.com",
        ),
        (
            {
                **PLACE,
                **USER,
                "SECMASTER_BASE_URL": "https://soc.example.com",
                "HUAWEICLOUD_SDK_IAM_ENDPOINT": "https://iam.example.com",
            },
            "RefreshingToken",
            "https://soc.example.com",
        ),
    ],
)
def test_from_env(monkeypatch, env, auth, base_url):
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    found = SecMasterClient.from_env(rate=3)
    assert (type(found._auth).__name__, found._base_url, found.tenant) == (auth, base_url, PROJECT)
    assert found._options.rate == 3


@pytest.mark.parametrize(
    ("env", "says"),
    [
        (PLACE, "no credentials for SecMaster are set: export one of HUAWEICLOUD_SDK_AK and HUAWEICLOUD_SDK_SK"),
        ({**PLACE, **AK_SK, **TOKEN}, "HUAWEICLOUD_SDK_AK and SECMASTER_TOKEN are set: two kinds of credentials"),
        ({**PLACE, **USER, **TOKEN}, "SECMASTER_USER and SECMASTER_TOKEN are set: two kinds of credentials"),
        ({**PLACE, "HUAWEICLOUD_SDK_SK": "sk", **TOKEN}, "HUAWEICLOUD_SDK_SK and SECMASTER_TOKEN are set"),
        ({**PLACE, "HUAWEICLOUD_SDK_AK": "ak"}, "HUAWEICLOUD_SDK_SK not set"),
        ({**PLACE, "SECMASTER_USER": "u"}, "SECMASTER_PASSWORD and SECMASTER_DOMAIN not set"),
        ({**AK_SK, "SECMASTER_WORKSPACE_ID": "w", "SECMASTER_REGION": "r"}, "HUAWEICLOUD_SDK_PROJECT_ID is not set"),
        ({**AK_SK, "HUAWEICLOUD_SDK_PROJECT_ID": "p", "SECMASTER_REGION": "r"}, "SECMASTER_WORKSPACE_ID is not set"),
        ({**AK_SK, "HUAWEICLOUD_SDK_PROJECT_ID": "p", "SECMASTER_WORKSPACE_ID": "w"}, "SECMASTER_REGION is not set"),
    ],
)
def test_an_environment_that_cannot_work(monkeypatch, env, says):
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as caught:
        SecMasterClient.from_env()
    assert says in str(caught.value)


def test_a_region_given_in_code_wins_over_an_address_in_the_environment(monkeypatch):
    for name, value in {**PLACE, **AK_SK, "SECMASTER_BASE_URL": "https://soc.example.com"}.items():
        monkeypatch.setenv(name, value)
    assert SecMasterClient.from_env(region="cn-north-4")._base_url == "https://secmaster.cn-north-4.myhuaweicloud.com"
    assert SecMasterClient.from_env()._base_url == "https://soc.example.com"


def test_the_hour_that_comes_twice_is_two_hours():
    berlin = ZoneInfo("Europe/Berlin")
    first = datetime(2025, 10, 26, 2, 30, tzinfo=berlin)
    second = first.replace(fold=1)
    assert first == second, "within one zone, Python doesn't look at the fold"
    secmaster = client()
    source = secmaster.workspace_source(since=first, until=second)
    assert source.name.endswith(", since 2025-10-26T00:30:00+00:00, until 2025-10-26T01:30:00+00:00")
    with pytest.raises(ConfigError, match="is not before"):
        secmaster.workflow_instances(since=second, until=first)
