"""A harvest that was suspended while another took over stores nothing when it wakes."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

from stored import rows

ONE = """
import asyncio, sys
from workflowkit import Archive, JodooClient, harvest

async def main():
    async with JodooClient("sandbox-key", base_url=sys.argv[1], rate=None) as jodoo, Archive.open(
        sys.argv[2]
    ) as archive:
        await harvest(jodoo.log_source([sys.argv[3]]), archive)

asyncio.run(main())
"""


async def test_it_stores_nothing_over_its_successors_rows(free, tmp_path):
    path = tmp_path / "a.db"
    long = free.world.awkward()["250 logs"]

    async def start():
        arguments = (sys.executable, "-c", ONE, f"{free.url}/api", str(path), long)
        return await asyncio.create_subprocess_exec(*arguments, stderr=asyncio.subprocess.PIPE)

    free.fault("slow", seconds=3.0)  # the first page
    first = await start()
    while free._faults._coming:
        await asyncio.sleep(0.02)
    os.kill(first.pid, signal.SIGSTOP)
    try:
        second = await start()
        assert await second.wait() == 0, (await second.stderr.read()).decode()
        stored = rows(path, "SELECT state, logs, cursor FROM instances"), rows(path, "SELECT * FROM logs")
    finally:
        os.kill(first.pid, signal.SIGCONT)
    assert await first.wait() == 1
    assert "another process has begun" in (await first.stderr.read()).decode()
    assert stored[0] == [("done", 250, None)]
    assert (rows(path, "SELECT state, logs, cursor FROM instances"), rows(path, "SELECT * FROM logs")) == stored
