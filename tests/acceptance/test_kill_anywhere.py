"""SIGKILL a harvest, again and again; run the same command; compare with one that nobody killed."""

from __future__ import annotations

import json
import os
import random
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from workflowkit.sandbox import Sandbox, Workspace, World

_ALL = (
    "SELECT system, tenant, id, state, status, logs, error, holds, raw FROM instances ORDER BY id",
    "SELECT instance_id, position, flow_name, create_time, finish_time, comment, operator_name FROM logs ORDER BY 1, 2",
    "SELECT instance_id, position, ordinal, name, size, mime FROM attachments ORDER BY 1, 2, 3",
    "SELECT instance_id, position, action_name, start_time, end_time, status, raw FROM nodes ORDER BY 1, 2",
)
_CONCURRENCY = 20


def contents(path: Path) -> list[list[tuple[object, ...]]]:
    connection = sqlite3.connect(path)
    try:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return [connection.execute(query).fetchall() for query in _ALL]
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("command", "endpoint", "ends_with", "requests_each"),
    [
        (["jodoo", "--ids", "ids.txt"], "workflow_logs", 3, 3),
        (["secmaster", "--topology"], "secmaster.workflow_instance", 0, 1),
    ],
    ids=["jodoo", "secmaster"],
)
def test_killed_at_random_points_it_ends_as_if_never_killed(tmp_path, command, endpoint, ends_with, requests_each):
    dice = random.Random(7)
    with Sandbox(World(400), Workspace(400), limited=False) as sandbox:
        (tmp_path / "ids.txt").write_text("\n".join([*sandbox.world.instance_ids(), "unknown"]))
        env = {**os.environ, **sandbox.env}
        answered = sandbox.jodoo.answered if command[0] == "jodoo" else sandbox.secmaster.answered

        def start(archive: str) -> subprocess.Popen[str]:
            options = ["--archive", archive, "--rate", "none", "--json"]
            return subprocess.Popen(
                [sys.executable, "-m", "workflowkit", "harvest", *command, *options],
                cwd=tmp_path,
                env=env,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )

        start("whole.db").communicate(timeout=50)
        needed = answered[endpoint]
        kills = 0
        while True:
            moment = answered[endpoint] + dice.randrange(1, 60)
            process = start("killed.db")
            while answered[endpoint] < moment and process.poll() is None:
                time.sleep(0.001)
            if process.poll() is not None:
                break
            process.kill()
            process.communicate()
            kills += 1
        told = json.loads(process.communicate()[0])
        assert (process.returncode, told["done"] + told["skipped"]) == (ends_with, 400)
        wasted = answered[endpoint] - 2 * needed
    assert kills >= 5
    assert contents(tmp_path / "killed.db") == contents(tmp_path / "whole.db")
    assert wasted <= kills * _CONCURRENCY * requests_each
