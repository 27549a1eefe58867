"""The key and signed links never reach a log line, a repr, an exception or a traceback with its locals."""

from __future__ import annotations

import asyncio
import logging
import traceback

import pytest

from workflowkit import Archive, JodooClient, RetryPolicy, WorkflowKitError, harvest
from workflowkit.sandbox import FAULTS, Sandbox

KEY = "s3cr3t-key-0123456789"
QUICK = RetryPolicy(attempts=1, rate_limit_attempts=1)


@pytest.fixture
def sandbox():
    with Sandbox(keys={KEY: "default"}) as server:
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
        await client.workflow_logs(sandbox.world.awkward()["one log"])
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
    asyncio.get_running_loop().set_debug(True)
    told: list[object] = []
    async with (
        JodooClient(KEY, base_url=f"{sandbox.url}/api", observers=[told.append]) as client,
        Archive.open(tmp_path / "a.db") as archive,
    ):
        logs = await client.workflow_logs(sandbox.world.awkward()["100 logs"])
        await harvest(client.log_source([sandbox.world.awkward()["99 logs"]]), archive)
    everything = caplog.text + repr(told) + repr(logs)
    assert any(log.signature for log in logs), "or the test proves nothing"
    assert KEY not in everything
    assert "token=" not in everything
