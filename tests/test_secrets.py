"""No secret ever reaches a log line, a repr, an exception or a traceback with its locals."""

from __future__ import annotations

import asyncio
import logging
import re
import traceback

import pytest

from workflowkit import (
    AccessKey,
    Archive,
    IamPassword,
    IamToken,
    JodooClient,
    RetryPolicy,
    SecMasterClient,
    WorkflowKitError,
    harvest,
)
from workflowkit.cli.output import printable
from workflowkit.sandbox import FAULTS, Sandbox
from workflowkit.sandbox.workspace import PROJECT_ID, WORKSPACE_ID

pytestmark = pytest.mark.usefixtures("respx_works")

KEY = "s3cr3t-key-0123456789"
AK, SK, SECURITY_TOKEN = "AKS3CR3T000000000001", "s3cr3tsk-0123456789", "s3cr3t-security-token"
USER, PASSWORD, DOMAIN = "somebody", "s3cr3t-password", "sandbox-domain"
TOKEN = "MIIs3cr3t-token-0123456789"
QUICK = RetryPolicy(attempts=1, rate_limit_attempts=1)


@pytest.fixture
def sandbox():
    keys: dict[str, str | tuple[str, str]] = {AK: (SK, SECURITY_TOKEN)}
    with Sandbox(keys={KEY: "default"}, access_keys=keys, users={USER: PASSWORD}) as server:
        yield server


def exposed(error: BaseException) -> str:
    """Return everything a crash reporter would collect."""
    report = traceback.TracebackException.from_exception(error, capture_locals=True)
    return "".join(report.format()) + repr(error) + str(error) + repr(error.__dict__)


@pytest.mark.parametrize("kind", [*FAULTS, "closed port", "echoing server"])
async def test_no_failure_shows_the_key(sandbox, caplog, kind, unused_tcp_port, respx_mock_or_none):
    caplog.set_level(logging.DEBUG)
    url = sandbox.url
    if kind == "closed port":
        url = f"http://127.0.0.1:{unused_tcp_port}"
    elif kind == "echoing server":
        respx_mock_or_none(url, {"code": 17018, "msg": f"Invalid API Key {KEY}"})
    else:
        sandbox.fault(kind, seconds=0.3)
    client = JodooClient(KEY, base_url=f"{url}/api", timeout=0.2, retry=QUICK)
    with pytest.raises(WorkflowKitError) as caught:
        await client.workflow_logs(sandbox.world.edge_cases()["one log"])
    assert KEY not in exposed(caught.value)
    await client.aclose()
    assert KEY not in repr(client)
    assert KEY not in caplog.text


@pytest.fixture
def respx_mock_or_none():
    import respx

    with respx.mock(assert_all_called=False) as router:
        router.route(host="127.0.0.1").pass_through()

        def answer(url: str, body: object) -> None:
            router.routes.clear()
            router.post(f"{url}/api/v1/workflow/instance/logs").respond(400, json=body)

        yield answer


async def test_no_log_line_shows_the_key_or_a_signed_link(sandbox, caplog, tmp_path):
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.CRITICAL, logger="uvicorn.access")  # it is the server's
    asyncio.get_running_loop().set_debug(True)
    told: list[object] = []
    async with (
        JodooClient(KEY, base_url=f"{sandbox.url}/api", observers=[told.append]) as client,
        Archive.open(tmp_path / "a.db") as archive,
    ):
        logs = await client.workflow_logs(sandbox.world.edge_cases()["100 logs"])
        source = client.log_source([sandbox.world.edge_cases()["99 logs"]])
        summary = await harvest(source, archive, attachments=tmp_path / "files", observers=[told.append])
    assert summary.files, "or the test proves nothing"
    everything = caplog.text + repr(told) + repr(logs)
    assert any(log.signature for log in logs), "or the test proves nothing"
    assert KEY not in everything
    assert "token=" not in everything


CREDENTIALS = {
    "access key": (AccessKey(AK, SK, SECURITY_TOKEN), (AK, SK, SECURITY_TOKEN)),
    "wrong access key": (AccessKey(AK, SK + "?", SECURITY_TOKEN), (AK, SK, SECURITY_TOKEN)),
    "token": (IamToken(TOKEN), (TOKEN,)),
    "password": ("password", (PASSWORD, "MII")),
    "wrong password": ("wrong password", (PASSWORD,)),
}


def secmaster(sandbox, credentials, **options):
    if isinstance(credentials, str):
        password = PASSWORD + ("?" if "wrong" in credentials else "")
        credentials = IamPassword(USER, password, DOMAIN, iam_endpoint=sandbox.url)
    place = {"base_url": sandbox.url, "project_id": PROJECT_ID, "workspace_id": WORKSPACE_ID}
    return SecMasterClient(credentials, **place, timeout=0.2, retry=QUICK, **options)


@pytest.mark.parametrize("kind", [*FAULTS, None])
@pytest.mark.parametrize("name", CREDENTIALS)
async def test_no_failure_shows_credentials(sandbox, caplog, name, kind):
    caplog.set_level(logging.DEBUG)
    asyncio.get_running_loop().set_debug(True)
    if kind is not None:
        sandbox.fault(kind, seconds=0.3, times=9)
    told: list[object] = []
    client = secmaster(sandbox, CREDENTIALS[name][0], observers=[told.append])
    everything = repr(client)
    try:
        await client.workflow_instance(sandbox.workspace.edge_cases()["unknown fields"])
    except WorkflowKitError as error:
        everything += exposed(error)
    await client.aclose()
    everything += caplog.text + repr(told)
    assert not [secret for secret in CREDENTIALS[name][1] if secret in everything]


async def test_a_token_on_its_way_in_is_kept_out_of_the_debug_log(sandbox, caplog):
    caplog.set_level(logging.DEBUG)
    client = secmaster(sandbox, "password")
    await client.workflow_instance(sandbox.workspace.edge_cases()["unknown fields"])
    await client.aclose()
    (token,) = client._auth._secrets()
    assert "[redacted]" in caplog.text, "or the test proves nothing"
    assert token not in caplog.text


ENV = {
    "sk": {"HUAWEICLOUD_SDK_AK": AK, "HUAWEICLOUD_SDK_SK": SK + "\n"},
    "token": {"SECMASTER_TOKEN": TOKEN + " "},
    "no domain": {"SECMASTER_USER": USER, "SECMASTER_PASSWORD": PASSWORD},
}


@pytest.mark.parametrize(
    "make",
    [
        lambda: AccessKey(AK, SK + "\n"),
        lambda: AccessKey(AK + " ", SK, SECURITY_TOKEN),
        lambda: AccessKey(AK, SK, SECURITY_TOKEN + "\n"),
        lambda: IamToken(TOKEN + "\n"),
        lambda: IamPassword("", PASSWORD, DOMAIN),
        *ENV,
    ],
)
def test_credentials_that_are_refused_at_once_are_not_shown(monkeypatch, make):
    for name, value in ENV.get(make, {}).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(WorkflowKitError) as caught:
        SecMasterClient.from_env() if isinstance(make, str) else make()
    ours = [frame for frame, _ in traceback.walk_tb(caught.tb) if "test_secrets" not in frame.f_code.co_filename]
    assert ours, "or the test proves nothing"
    everything = str(caught.value) + "".join(repr(frame.f_locals) for frame in ours)
    assert not re.search("s3cr3t|S3CR3T", everything)


def test_what_a_terminal_shows_has_no_signed_link():
    assert printable("see https://h/x.pdf?e=1&token=SECRET and why?") == "see https://h/x.pdf and why?"
