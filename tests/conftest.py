from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from weakref import WeakValueDictionary

import pytest
from blockbuster import BlockBuster, blockbuster_ctx
from hypothesis import HealthCheck, settings

from workflowkit.ratelimit import window

pytest_plugins = ["workflowkit.testing"]

settings.register_profile("gate", max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("long", max_examples=2000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "gate"))

# Processes that tests start: asyncio's debug mode reports slow steps on stderr, where it is not wanted.
for _name in ("PYTHONASYNCIODEBUG", "PYTHONDEVMODE"):
    os.environ.pop(_name, None)

# Where tests run in the background, a shell has Ctrl-C ignored, and processes that tests start inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

DATA = Path(__file__).parent / "data"


@pytest.fixture(autouse=True)
def nothing_blocks_the_loop() -> Iterator[BlockBuster]:
    """Fail any test in which the package blocks the event loop."""
    with blockbuster_ctx("workflowkit") as blockbuster:
        yield blockbuster


@pytest.fixture(autouse=True)
def _no_account_of_yours(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        ours = name.startswith(("JODOO_", "SECMASTER_", "HUAWEICLOUD_", "SSL_CERT_"))
        if ours or name.lower().endswith("_proxy") or name.endswith("_CA_BUNDLE"):
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def _limits_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """What one test sent, and what it was told to wait, is nothing to the next."""
    monkeypatch.setattr(window, "_windows", WeakValueDictionary())
    monkeypatch.setattr(window, "_kept", set())


@pytest.fixture(params=["httpx", "aiohttp"])
def transport(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each transport in turn, for clients that leave it to the package."""
    monkeypatch.setattr("workflowkit._http.best", lambda: request.param)
    return str(request.param)


@pytest.fixture
def respx_works(monkeypatch: pytest.MonkeyPatch) -> None:
    """The transport that respx can mock."""
    monkeypatch.setattr("workflowkit._http.best", lambda: "httpx")


@pytest.fixture
def samples() -> Path:
    """The vendor samples of Jodoo."""
    return DATA / "jodoo"
