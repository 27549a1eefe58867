from __future__ import annotations

import pytest
from file_host import Host

from workflowkit import Archive


@pytest.fixture
async def host():
    async with Host() as server:
        yield server


@pytest.fixture
async def archive(tmp_path):
    async with Archive.open(tmp_path / "a.db") as opened:
        yield opened
