"""A harvest that was suspended while another took over stores nothing when it wakes."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest
from stored import rows

from workflowkit.sandbox.world import APP_ID

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


async def suspend(process: int, path: Path) -> None:
    """Suspend a process between two of its transactions: the lock of one would hold up everybody else."""
    while True:
        os.kill(process, signal.SIGSTOP)
        await asyncio.sleep(0.05)
        with closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as connection:
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                os.kill(process, signal.SIGCONT)
                await asyncio.sleep(0.02)
            else:
                connection.execute("ROLLBACK")
                return


@pytest.mark.parametrize("beside", ["", f", jodoo.form_source('{APP_ID}')"], ids=["one source", "two sources"])
async def test_it_stores_nothing_over_its_successors_rows(free, tmp_path, beside):
    path = tmp_path / "a.db"
    long = free.world.edge_cases()["250 logs"]
    code = ONE.replace("jodoo.log_source([sys.argv[3]])", f"[jodoo.log_source([sys.argv[3]]){beside}]")

    async def start():
        arguments = (sys.executable, "-c", code, f"{free.url}/api", str(path), long)
        return await asyncio.create_subprocess_exec(*arguments, stderr=asyncio.subprocess.PIPE)

    free.fault("slow", seconds=3.0, endpoint="workflow_logs")  # the first page
    first = await start()
    while free._faults._coming:
        await asyncio.sleep(0.02)
    await suspend(first.pid, path)
    try:
        second = await start()
        assert await second.wait() == 0, (await second.stderr.read()).decode()
        stored = rows(path, "SELECT state, logs, cursor FROM instances"), rows(path, "SELECT * FROM logs")
    finally:
        os.kill(first.pid, signal.SIGCONT)
    assert await first.wait() == 1
    assert "another process has begun" in (await first.stderr.read()).decode()
    assert {state for state, _, _ in stored[0]} == {"done"}
    assert ("done", 250, None) in stored[0]
    assert (rows(path, "SELECT state, logs, cursor FROM instances"), rows(path, "SELECT * FROM logs")) == stored


async def test_of_those_that_begin_at_once_one_harvests(free, tmp_path):
    path = tmp_path / "a.db"
    ids = list(free.world.instance_ids())[12:]
    several = ONE.replace("[sys.argv[3]]", "sys.argv[3].split()").replace("rate=None", "rate=50")
    arguments = (sys.executable, "-c", several, f"{free.url}/api", str(path), " ".join(ids))
    processes = [await asyncio.create_subprocess_exec(*arguments, stderr=asyncio.subprocess.PIPE) for _ in range(3)]
    told = [(await each.communicate())[1].decode() for each in processes]
    refused = [text for each, text in zip(processes, told, strict=True) if each.returncode]
    assert len(refused) < 3
    was_taken_over = "showed no sign of life"  # on a machine so busy that the first one stood still
    reasons = ("is harvesting into it", "has begun the same harvest", was_taken_over)
    assert all(any(reason in text for reason in reasons) for text in refused), refused
    assert rows(path, "SELECT count(*) FROM instances WHERE state = 'done'") == [(len(ids),)]
    if not any(was_taken_over in text for text in refused):
        assert free.jodoo.answered["workflow_logs"] == len(ids)
