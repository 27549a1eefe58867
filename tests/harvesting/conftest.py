from __future__ import annotations

import pytest

from workflowkit import Archive, JodooClient, RetryPolicy
from workflowkit.sandbox import Sandbox, World


@pytest.fixture
def free():
    """A sandbox without limits, so that a harvest of it takes no time."""
    with Sandbox(World(60), limited=False) as server:
        yield server


@pytest.fixture
async def jodoo(free):
    quick = RetryPolicy(attempts=2, first_delay=0.01, longest_delay=0.01)
    async with JodooClient("sandbox-key", base_url=f"{free.url}/api", rate=None, retry=quick) as client:
        yield client


@pytest.fixture
async def archive(tmp_path):
    async with Archive.open(tmp_path / "a.db") as opened:
        yield opened


@pytest.fixture
def query(archive):
    """Asks the archive itself."""

    return archive.database.select
