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

from workflowkit.sandbox import Sandbox, World

_ALL = (
    "SELECT system, tenant, id, state, status, logs, error FROM instances ORDER BY id",
    "SELECT instance_id, position, flow_name, create_time, finish_time, comment, operator_name FROM logs ORDER BY 1, 2",
    "SELECT instance_id, position, ordinal, name, size, mime FROM attachments ORDER BY 1, 2, 3",
)
_CONCURRENCY = 20


def contents(path: Path) -> list[list[tuple[object, ...]]]:
    connection = sqlite3.connect(path)
    try:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return [connection.execute(query).fetchall() for query in _ALL]
    finally:
        connection.close()


def test_killed_at_random_points_it_ends_as_if_never_killed(tmp_path):
    dice = random.Random(7)
    with Sandbox(World(400), limited=False) as sandbox:
        (tmp_path / "ids.txt").write_text("\n".join([*sandbox.world.instance_ids(), "unknown"]))
        env = {**os.environ, **sandbox.env}

        def start(archive: str) -> subprocess.Popen[str]:
            command = [
                sys.executable,
                "-m",
                "workflowkit",
                "harvest",
                "jodoo",
                "--ids",
                "ids.txt",
                "--archive",
                archive,
            ]
            return subprocess.Popen(
                [*command, "--rate", "none", "--json"],
                cwd=tmp_path,
                env=env,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )

        whole = json.loads(start("whole.db").communicate(timeout=50)[0])
        answered = sandbox.jodoo.answered
        kills = 0
        while True:
            before = answered["workflow_logs"]
            process = start("killed.db")
            moment = before + dice.randrange(1, 60)
            while answered["workflow_logs"] < moment and process.poll() is None:
                time.sleep(0.001)
            if process.poll() is not None:
                break
            process.kill()
            process.communicate()
            kills += 1
        assert process.returncode == 3
        process.communicate()
        wasted = answered["workflow_logs"] - 2 * (whole["requests"] - 1)
    assert kills >= 5
    assert contents(tmp_path / "killed.db") == contents(tmp_path / "whole.db")
    pages_of_the_longest = 3
    assert wasted <= kills * _CONCURRENCY * pages_of_the_longest
