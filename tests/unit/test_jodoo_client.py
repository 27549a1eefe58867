"""The client against a mocked network: what exactly is sent, and what is made of the answer."""

from __future__ import annotations

import asyncio
import json
import pickle
import re
import time
import traceback
from collections.abc import Callable
from typing import Any, cast

import httpx
import pytest
import respx

from workflowkit import (
    ApiError,
    AuthenticationError,
    ConfigError,
    DecodeError,
    InvalidRequest,
    JodooClient,
    NotFound,
    RateLimited,
    RetryPolicy,
    ServerError,
    TransportError,
)
from workflowkit._http.proxies import proxy_for
from workflowkit.client import Client
from workflowkit.jodoo.endpoints import EDITIONS
from workflowkit.ratelimit.window import window_of
from workflowkit.telemetry import RequestDone, Retrying, Telemetry

pytestmark = pytest.mark.usefixtures("respx_works")

KEY = "k3y-that-nobody-may-see"
AT_ONCE = RetryPolicy(first_delay=0.001, longest_delay=0.001)
LOGS_URL = "https://api.jodoo.com/api/v1/workflow/instance/logs"

Call = Callable[[JodooClient], Any]
CALLS: dict[str, tuple[Call, dict[str, str], dict[str, Any], dict[str, Any]]] = {
    "logs": (
        lambda client: client.workflow_logs("i1"),
        dict.fromkeys(EDITIONS, "/v1/workflow/instance/logs"),
        {"instance_id": "i1", "types": ["comment"], "skip": 0, "limit": 100},
        {"logs": []},
    ),
    "logs with options": (
        lambda client: client.workflow_logs("i1", types=["comment", "operate"], skip=7, limit=3),
        dict.fromkeys(EDITIONS, "/v1/workflow/instance/logs"),
        {"instance_id": "i1", "types": ["comment", "operate"], "skip": 7, "limit": 3},
        {"logs": []},
    ),
    "instance": (
        lambda client: client.workflow_instance("i1"),
        {"jodoo": "/v4/workflow/instance/get", "jiandaoyun": "/v6/workflow/instance/get"},
        {"instance_id": "i1", "tasks_type": 0},
        {"instance_id": "i1", "status": 0, "create_time": "2024-01-09T03:16:35.447Z"},
    ),
    "instance with tasks": (
        lambda client: client.workflow_instance("i1", tasks=True),
        {"jodoo": "/v4/workflow/instance/get", "jiandaoyun": "/v6/workflow/instance/get"},
        {"instance_id": "i1", "tasks_type": 1},
        {"instance_id": "i1", "status": 0, "create_time": "2024-01-09T03:16:35.447Z", "tasks": []},
    ),
    "records": (
        lambda client: client.form_records("a1", "e1"),
        dict.fromkeys(EDITIONS, "/v5/app/entry/data/list"),
        {"app_id": "a1", "entry_id": "e1", "limit": 100},
        {"data": []},
    ),
    "records with options": (
        lambda client: client.form_records("a1", "e1", fields=["w"], filter={"rel": "and", "cond": []}, limit=5),
        dict.fromkeys(EDITIONS, "/v5/app/entry/data/list"),
        {"app_id": "a1", "entry_id": "e1", "limit": 5, "fields": ["w"], "filter": {"rel": "and", "cond": []}},
        {"data": []},
    ),
    "apps": (
        lambda client: client.apps(),
        dict.fromkeys(EDITIONS, "/v5/app/list"),
        {"skip": 0, "limit": 100},
        {"apps": []},
    ),
    "forms": (
        lambda client: client.forms("a1"),
        dict.fromkeys(EDITIONS, "/v5/app/entry/list"),
        {"app_id": "a1", "skip": 0, "limit": 100},
        {"forms": []},
    ),
    "fields": (
        lambda client: client.form_fields("a1", "e1"),
        dict.fromkeys(EDITIONS, "/v5/app/entry/widget/list"),
        {"app_id": "a1", "entry_id": "e1"},
        {"widgets": []},
    ),
}


def client(**options: Any) -> JodooClient:
    return JodooClient(KEY, **{"rate": None, "retry": AT_ONCE, **options})


@pytest.mark.parametrize("edition", EDITIONS)
@pytest.mark.parametrize("name", CALLS)
async def test_each_operation_sends_exactly_what_is_documented(respx_mock, edition, name):
    call, paths, body, reply = CALLS[name]
    route = respx_mock.post(EDITIONS[edition].base_url + paths[edition]).respond(json=reply)
    async with client(edition=edition) as jodoo:
        await call(jodoo)
    (sent,) = [each.request for each in route.calls]
    assert json.loads(sent.content) == body
    assert sent.headers["authorization"] == f"Bearer {KEY}"
    assert sent.headers["content-type"] == "application/json"
    assert sent.headers["user-agent"].startswith("workflowkit/")
    assert not sent.url.query


def test_documented_rates_and_versions_differ_by_edition():
    jodoo, jiandaoyun = EDITIONS["jodoo"], EDITIONS["jiandaoyun"]
    assert (jodoo.records.rate, jiandaoyun.records.rate) == (5, 30)
    assert jodoo.logs.rate == jodoo.instance.rate == jodoo.apps.rate == jodoo.forms.rate == 30
    assert jodoo.tenant_rate == jiandaoyun.tenant_rate == 50


async def test_any_base_url_for_private_deployments(respx_mock):
    route = respx_mock.post("https://nocode.example.cn/api/v5/app/list").respond(json={"apps": []})
    async with client(base_url="https://nocode.example.cn/api/") as jodoo:
        await jodoo.apps()
    assert route.call_count == 1


async def test_logs_go_on_by_skip(respx_mock):
    log = {"flow_id": 1, "flow_name": "a", "create_action": "forward", "create_time": "2024-01-09T03:16:35.447Z"}
    route = respx_mock.post(LOGS_URL).mock(
        side_effect=[httpx.Response(200, json={"logs": [log] * 2}), httpx.Response(200, json={"logs": [log]})]
    )
    async with client() as jodoo:
        pages = [page async for page in jodoo.workflow_logs("i1", limit=2, skip=4).pages()]
    assert [page.cursor for page in pages] == [6, None]
    assert [json.loads(each.request.content)["skip"] for each in route.calls] == [4, 6]
    assert [json.loads(raw) for raw in pages[1].raw] == [log]


async def test_records_go_on_by_data_id(respx_mock):
    route = respx_mock.post("https://api.jodoo.com/api/v5/app/entry/data/list").mock(
        side_effect=[
            httpx.Response(200, json={"data": [{"_id": "r1"}, {"_id": "r2"}]}),
            httpx.Response(200, json={"data": []}),
        ]
    )
    async with client() as jodoo:
        records = await jodoo.form_records("a1", "e1", limit=2)
    assert [record.id for record in records] == ["r1", "r2"]
    assert "data_id" not in json.loads(route.calls[0].request.content)
    assert json.loads(route.calls[1].request.content)["data_id"] == "r2"


@pytest.mark.parametrize(
    ("code", "kind", "attempts"),
    [
        (8301, AuthenticationError, 1),
        (50016, NotFound, 1),
        (17017, InvalidRequest, 1),
        (99999, ApiError, 1),
        (9007, ServerError, 5),
        (8303, RateLimited, 20),
        (8304, RateLimited, 20),
    ],
)
async def test_codes_become_classes_and_attempts(respx_mock, code, kind, attempts, monkeypatch):
    monkeypatch.setattr("workflowkit.ratelimit.window.SlidingWindow.cool_down", lambda *_: None)
    route = respx_mock.post(LOGS_URL).respond(400, json={"code": code, "msg": "m"}, headers={"X-Request-Id": "r-9"})
    async with client() as jodoo:
        with pytest.raises(kind) as caught:
            await jodoo.workflow_logs("i1")
    assert type(caught.value) is kind
    assert route.call_count == attempts == caught.value.attempts
    assert (caught.value.code, caught.value.request_id, caught.value.endpoint) == (code, "r-9", "jodoo.workflow_logs")


@pytest.mark.parametrize(
    ("answer", "kind", "text"),
    [
        (httpx.Response(502, html="<html>nginx</html>"), ServerError, "HTTP 502"),
        (httpx.Response(500), ServerError, "an empty body"),
        (httpx.Response(200, html="<html>"), TransportError, "web page"),
        (httpx.Response(200), TransportError, "empty"),
        (httpx.Response(200, text='{"logs": ['), TransportError, "isn't JSON"),
        (httpx.ConnectError("refused"), TransportError, "can't connect to api.jodoo.com"),
        (httpx.ReadError("reset"), TransportError, "closed the connection"),
        (httpx.ReadTimeout("slow"), TransportError, "ReadTimeout"),
    ],
)
async def test_what_may_pass_is_tried_five_times(respx_mock, answer, kind, text):
    route = respx_mock.post(LOGS_URL).mock(side_effect=[answer] * 5)
    async with client() as jodoo:
        with pytest.raises(kind, match=text) as caught:
            await jodoo.workflow_logs("i1")
    assert route.call_count == caught.value.attempts == 5


async def test_trouble_that_passes_goes_unnoticed_but_is_told(respx_mock):
    told: list[Telemetry] = []
    respx_mock.post(LOGS_URL).mock(
        side_effect=[httpx.Response(503), httpx.ReadError("x"), httpx.Response(200, json={"logs": []})]
    )
    async with client(observers=[told.append]) as jodoo:
        (page,) = [page async for page in jodoo.workflow_logs("i1").pages()]
    assert page.attempts == 3
    assert [type(record) for record in told] == [RequestDone, Retrying, RequestDone, Retrying, RequestDone]
    done = [record for record in told if isinstance(record, RequestDone)]
    assert [(record.status, record.error) for record in done] == [
        (503, "ServerError"),
        (None, "TransportError"),
        (200, None),
    ]


@pytest.mark.parametrize(
    ("body", "kind", "text"),
    [
        ({"logs": None}, DecodeError, "got `null`"),
        ({"status": "failure", "code": 4008, "message": "Closed"}, InvalidRequest, "Closed"),
    ],
)
async def test_an_answer_of_another_shape_is_never_an_empty_object(respx_mock, body, kind, text):
    route = respx_mock.post(LOGS_URL).respond(json=body)
    async with client() as jodoo:
        with pytest.raises(kind, match=text):
            await jodoo.workflow_logs("i1")
    assert route.call_count == 1


async def test_redirects_are_not_followed_and_the_key_stays_here(respx_mock):
    elsewhere = respx_mock.post("https://evil.example/x").respond(json={"logs": []})
    respx_mock.post(LOGS_URL).respond(307, headers={"Location": "https://evil.example/x?token=s"})
    async with client() as jodoo:
        with pytest.raises(ApiError, match="redirected to https://evil.example/x, which is not followed") as caught:
            await jodoo.workflow_logs("i1")
    assert not elsewhere.called
    assert "token" not in str(caught.value)


async def test_retry_after_beyond_the_bound_is_raised_with_it(respx_mock):
    route = respx_mock.post(LOGS_URL).respond(429, headers={"Retry-After": "3600"})
    async with client() as jodoo:
        with pytest.raises(RateLimited) as caught:
            await jodoo.workflow_logs("i1")
    assert (route.call_count, caught.value.retry_after) == (1, 3600)


async def test_max_wait_refuses_before_sending(respx_mock):
    route = respx_mock.post(LOGS_URL).respond(json={"logs": []})
    async with client(rate=0.1, max_wait=0.02, tenant="patient") as jodoo:
        await jodoo.workflow_logs("i1")
        with pytest.raises(RateLimited) as caught:
            await jodoo.workflow_logs("i1")
    assert route.call_count == 1
    assert (caught.value.attempts, caught.value.status) == (0, None)
    assert 0 < (caught.value.retry_after or 0) < 10.1
    assert re.search(r"not sent: .* within max_wait=0\.02 s; retry in about \d+\.\d s", str(caught.value))


async def test_a_cooldown_beyond_max_wait_is_not_waited_for(respx_mock):
    route = respx_mock.post(LOGS_URL).respond(json={"code": 8303, "msg": "m"}, status_code=400)
    policy = RetryPolicy(rate_limit_attempts=1)
    async with client(retry=policy) as hasty, client(max_wait=600) as patient:
        with pytest.raises(RateLimited):
            await hasty.workflow_logs("i1")
        window_of(hasty._scope).cool_down(1000)
        async with asyncio.timeout(20):
            with pytest.raises(RateLimited, match="not sent") as caught:
                await patient.workflow_logs("i1")
    assert route.call_count == 1
    assert 900 < (caught.value.retry_after or 0) <= 1000


async def test_each_record_tells_what_its_request_has_waited(respx_mock):
    respx_mock.post(LOGS_URL).respond(json={"logs": []})
    told: list[Telemetry] = []
    async with client(rate=2, tenant="slow", observers=[told.append]) as jodoo:
        await asyncio.gather(*(jodoo.workflow_logs(each) for each in ("i1", "i2", "i3")))
        assert [(each.scope, each.rate) for each in jodoo.limits()] == [("tenant", 2), ("jodoo.workflow_logs", 2)]
        assert all(each.sent for each in jodoo.limits())
    waited = [record.waited for record in told if isinstance(record, RequestDone)]
    assert waited == sorted(waited), "they are spread"
    assert waited[2] > 1.0


@pytest.mark.parametrize("name", [*CALLS])
async def test_clients_that_are_closed_say_so(name):
    jodoo = client()
    await jodoo.aclose()
    with pytest.raises(ConfigError, match="closed"):
        await CALLS[name][0](jodoo)


BAD: dict[str, tuple[Call, str]] = {
    "empty id": (lambda c: c.workflow_logs(""), "instance_id=''"),
    "blank in id": (lambda c: c.workflow_logs("a b"), "instance_id='a b'"),
    "line break in id": (lambda c: c.workflow_logs("a\n"), "instance_id='a"),
    "no id at all": (lambda c: c.workflow_logs(cast(Any, None)), "instance_id=None"),
    "limit 0": (lambda c: c.workflow_logs("i", limit=0), "limit=0: pass a page size from 1 to 100"),
    "limit 101": (lambda c: c.workflow_logs("i", limit=101), "limit=101"),
    "limit as text": (lambda c: c.workflow_logs("i", limit=cast(Any, "10")), "limit='10'"),
    "negative skip": (lambda c: c.workflow_logs("i", skip=-1), "skip=-1: pass 0 or more"),
    "types as text": (lambda c: c.workflow_logs("i", types="comment"), "types='comment'"),
    "no types": (lambda c: c.workflow_logs("i", types=[]), "types=\\[\\]"),
    "records": (lambda c: c.form_records("", "e"), "app_id=''"),
    "records' form": (lambda c: c.form_records("a", " "), "entry_id=' '"),
    "records' limit": (lambda c: c.form_records("a", "e", limit=500), "limit=500"),
    "forms": (lambda c: c.forms("a b"), "app_id='a b'"),
    "apps' limit": (lambda c: c.apps(limit=0), "limit=0"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_named_before_anything_is_sent(name):
    call, text = BAD[name]
    with pytest.raises(ValueError, match=text) as caught:
        call(client())
    assert isinstance(caught.value, (ConfigError, InvalidRequest))


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"edition": "odoo"}, "edition='odoo': pass one of 'jodoo', 'jiandaoyun'"),
        ({"base_url": "api.jodoo.com"}, "base_url='api.jodoo.com'"),
        ({"base_url": "ftp://x"}, "base_url="),
        ({"base_url": "https://[::1"}, "base_url="),
        ({"base_url": "https://x:99999/api"}, "base_url="),
        ({"base_url": " https://x/api"}, "base_url="),
        ({"base_url": "https://a b/api"}, "base_url="),
        ({"base_url": "https://u:p@x"}, "base_url='https://x': pass a URL"),
        ({"base_url": "https://x/?q=1"}, "nothing else in it"),
        ({"base_url": "http://api.example.com/api"}, "insecure_http=True"),
        ({"base_url": "http://127.evil.example/api"}, "insecure_http=True"),
        ({"tenant": ""}, "tenant"),
        ({"rate": 0}, "rate=0"),
        ({"rate": float("nan")}, "rate=nan"),
        ({"timeout": 0}, "timeout=0"),
        ({"max_wait": -1}, "max_wait=-1"),
        ({"transport": "carrier pigeon"}, "transport='carrier pigeon'"),
    ],
)
def test_bad_options_are_named(options, text):
    with pytest.raises(ConfigError, match=text):
        JodooClient(KEY, **options)


@pytest.mark.parametrize("key", ["", "with blank", "line\nbreak", "schlüssel"])
def test_a_bad_key_is_refused_without_being_shown(key):
    with pytest.raises(ConfigError) as caught:
        JodooClient(key)
    assert not key or key not in str(caught.value)


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000/api", "http://localhost/api", "http://[::1]:1/api"])
def test_http_is_fine_on_this_machine(url):
    JodooClient(KEY, base_url=url)


def test_two_spellings_of_an_address_have_the_same_limits():
    same = ("https://Api.Jodoo.com/api", "https://api.jodoo.com:443/api", "https://api.jodoo.com/api/")
    assert len({JodooClient(KEY, base_url=url)._scope for url in same}) == 1


def test_http_elsewhere_is_possible_when_asked_for():
    JodooClient(KEY, base_url="http://10.0.0.1/api", insecure_http=True)


def test_the_environment_sets_up_a_client(monkeypatch):
    with pytest.raises(ConfigError, match="JODOO_API_KEY is not set"):
        JodooClient.from_env()
    monkeypatch.setenv("JODOO_API_KEY", KEY)
    monkeypatch.setenv("JODOO_BASE_URL", "https://private.example/api")
    monkeypatch.setenv("JODOO_TENANT", "acme")
    monkeypatch.setenv("JODOO_EDITION", "jiandaoyun")
    jodoo = JodooClient.from_env()
    assert repr(jodoo) == "JodooClient(base_url='https://private.example/api', tenant='acme')"
    assert JodooClient.from_env(tenant="other").tenant == "other"


def test_clients_and_credentials_refuse_to_be_pickled():
    for secret in (client(), client()._auth):
        assert KEY not in repr(secret)
        with pytest.raises(TypeError, match="can't be pickled"):
            pickle.dumps(secret)


@pytest.mark.parametrize(
    ("rate", "base_url", "tenant_rate", "logs", "records"),
    [
        ("default", None, 50, 30, 5),
        ("default", "https://private.example/api", 50, 30, 5),
        (10, None, 10, 10, 5),
        (100, None, 100, 30, 5),
        (100, "https://private.example/api", 100, 100, 100),
        (None, None, None, None, None),
        (0.2, None, 0.2, 0.2, 0.2),
    ],
)
def test_rate_caps_the_tenant_and_on_vendor_hosts_never_lifts_an_endpoint(rate, base_url, tenant_rate, logs, records):
    jodoo: Client = JodooClient(KEY, rate=rate, base_url=base_url)
    options = jodoo._options
    assert (options.tenant_rate(), options.endpoint_rate(30), options.endpoint_rate(5)) == (tenant_rate, logs, records)


@respx.mock
async def test_an_undocumented_type_is_passed_on_and_named_if_refused():
    respx.post(LOGS_URL).respond(400, json={"code": 17017, "msg": "Invalid Parameter(s)"})
    async with client() as jodoo:
        with pytest.raises(InvalidRequest) as caught:
            await jodoo.workflow_logs("i1", types=["operate"])
    assert str(caught.value).endswith("; types=['operate']: only \"comment\" is documented")


async def test_a_refusal_that_is_not_retried_still_holds_up_the_others(respx_mock):
    respx_mock.post(LOGS_URL).respond(400, json={"code": 8303, "msg": "m"})
    async with client(retry=RetryPolicy(rate_limit_attempts=1)) as jodoo:
        with pytest.raises(RateLimited):
            await jodoo.workflow_logs("i1")
        assert window_of(jodoo._scope).not_before > time.monotonic() + 0.5


async def test_a_retry_after_of_another_age_does_no_harm(respx_mock):
    answer = httpx.Response(503, headers={"Retry-After": "Mon, 01 Jan 99999999999999 00:00:00 GMT"})
    respx_mock.post(LOGS_URL).mock(side_effect=[answer, httpx.Response(200, json={"logs": []})])
    async with client() as jodoo:
        assert await jodoo.workflow_logs("i1") == []


async def test_closing_while_a_call_waits_in_line(respx_mock):
    route = respx_mock.post(LOGS_URL).respond(json={"logs": []})
    jodoo = client(rate=0.5)
    await jodoo.workflow_logs("i1")
    waiting = asyncio.create_task(jodoo.workflow_instance("i1"))
    await asyncio.sleep(0.01)
    await jodoo.aclose()
    with pytest.raises(ConfigError, match="this client is closed"):
        await waiting
    assert route.call_count == 1


def test_a_client_serves_one_event_loop():
    jodoo = client()

    async def call() -> None:
        with respx.mock:
            respx.post(LOGS_URL).respond(json={"logs": []})
            await jodoo.workflow_logs("i1")

    asyncio.run(call())
    with pytest.raises(ConfigError, match="one event loop"):
        asyncio.run(call())


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1", "foo://me:secret@x"])
async def test_a_proxy_that_cannot_be_used_is_named_by_its_variable(monkeypatch, proxy):
    monkeypatch.setenv("ALL_PROXY", proxy)
    async with client() as jodoo:
        with pytest.raises(
            ConfigError, match="ALL_PROXY (names .*, a kind of proxy that can't be|is no address of a proxy)"
        ) as caught:
            await jodoo.workflow_logs("i1")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(("key", "options"), [(KEY, {"edition": "x"}), (KEY + " ", {}), (KEY, {"rate": 0})])
def test_a_constructor_that_fails_shows_no_key_even_with_its_locals(key, options):
    held = [key]
    del key
    with pytest.raises(ConfigError) as caught:
        JodooClient(held.pop(), **options)
    frames = traceback.TracebackException.from_exception(caught.value, capture_locals=True).stack
    ours = [frame for frame in frames if "workflowkit/" in frame.filename.replace("\\", "/")]
    assert ours
    assert KEY not in repr([frame.locals for frame in ours])


@pytest.mark.parametrize(
    ("names", "url", "proxied"),
    [
        ("", "https://api.jodoo.com/api", True),
        ("api.jodoo.com", "https://api.jodoo.com/api", False),
        (".jodoo.com", "https://api.jodoo.com/api", False),
        ("other.com", "https://api.jodoo.com:8443/api", True),
        ("api.jodoo.com", "https://api.jodoo.com:8443/api", False),
        ("fd00::1", "https://[fd00::1]/api", False),
        ("[fd00::1]", "https://[fd00::1]:8443/api", False),
        ("fd00::/8", "https://[fd00::1]/api", False),
        ("fd00::/8", "https://[fe00::1]/api", True),
        ("a.example, 10.0.0.0/8", "https://10.1.2.3:8443/api", False),
        ("10.1.2.3", "https://10.1.2.3/api", False),
        ("10.0.0.0/8", "https://11.1.2.3/api", True),
        ("10.0.0.0/8", "https://api.jodoo.com/api", True),
        ("nonsense/99,,", "https://10.1.2.3/api", True),
        ("*", "https://api.jodoo.com/api", False),
        ("", "http://127.0.0.1:1/api", False),
    ],
)
def test_the_proxy_of_the_environment_and_who_is_spared(monkeypatch, names, url, proxied):
    monkeypatch.setenv("HTTPS_PROXY", "proxy.example:3128")
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", names)
    found = proxy_for(url)
    assert (found and found.url) == ("http://proxy.example:3128" if proxied else None)


@pytest.mark.parametrize(
    "address",
    [
        "http://user:canary@:3128",
        "http://user:canary@proxy:port",
        "http://user:can/ary@proxy:3128",
        "http://user:can#ary@proxy:3128",
        "http://user:can?ary@proxy:3128",
        "http://user:canary@[proxy:3128",
        "ftp://user:canary@proxy:3128",
        "user:canary@proxy:99999",
    ],
)
async def test_what_is_no_proxy_is_said_and_not_shown(monkeypatch, transport, address):
    monkeypatch.setenv("HTTPS_PROXY", address)
    async with client() as jodoo:
        with pytest.raises(ConfigError, match="HTTPS_PROXY is no address of a proxy") as caught:
            await jodoo.workflow_logs("i1")
    told = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    frames = [frame for frame in told.stack if "workflowkit/" in frame.filename.replace("\\", "/")]
    assert frames
    assert told.__context__ is None
    shown = repr([frame.locals for frame in frames]) + str(caught.value)
    assert not any(part in shown for part in ("canary", "can/ary", "ary@"))
