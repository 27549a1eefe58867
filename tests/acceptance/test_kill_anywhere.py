"""SIGKILL a harvest, again and again; run the same command; compare with one that nobody killed."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from stored import rows

from workflowkit.sandbox import Sandbox, Workspace, World
from workflowkit.sandbox.world import APP_ID

_ALL = (
    "SELECT system, tenant, id, app_id, form_id, state, status, logs, error, stored_tables FROM instances ORDER BY id",
    "SELECT id, name, workflow_name, start_time, end_time, is_open, cursor, run, raw FROM instances ORDER BY id",
    "SELECT instance_id, position, flow_name, create_time, finish_time, comment, operator_name FROM logs ORDER BY 1, 2",
    "SELECT instance_id, position, ordinal, name, size, mime, state, sha256, reason FROM attachments ORDER BY 1, 2, 3",
    "SELECT instance_id, position, task_id, flow_name, create_time, finish_time, raw FROM tasks ORDER BY 1, 2",
    "SELECT instance_id, position, action_name, start_time, end_time, status, raw FROM nodes ORDER BY 1, 2",
)
_CONCURRENCY = 20
_KILLS = 30


def contents(path: Path) -> list[list[tuple[object, ...]]]:
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]
    return [rows(path, query) for query in _ALL]


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.long
@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    ("command", "endpoint", "ends_with", "done"),
    [
        (["jodoo", "--ids", "ids.txt", "--with", "tasks"], "workflow_logs", 3, 300),
        (["jodoo", "--app", APP_ID], "workflow_logs", 0, 300),
        (["secmaster", "--topology"], "secmaster.workflow_instance", 0, 300),
    ],
    ids=["ids", "app", "secmaster"],
)
def test_killed_at_random_points_it_ends_as_if_never_killed(tmp_path, monkeypatch, command, endpoint, ends_with, done):
    dice = random.Random(7)
    with Sandbox(World(300), Workspace(300), limited=False) as sandbox:
        log_count = sandbox.world.log_count
        monkeypatch.setattr(
            sandbox.world, "log_count", lambda form, number: 2_050 if number in (20, 90) else log_count(form, number)
        )
        (tmp_path / "ids.txt").write_text("\n".join([*sandbox.world.instance_ids(), "unknown"]))
        env = {**os.environ, **sandbox.env}
        answered = sandbox.jodoo.answered if command[0] == "jodoo" else sandbox.secmaster.answered

        def start(archive: str) -> subprocess.Popen[str]:
            options = ["--archive", f"{archive}.db", "--rate", "none", "--json"]
            if "--app" in command:
                options += ["--attachments", archive]
            return subprocess.Popen(
                [sys.executable, "-m", "workflowkit", "harvest", *command, *options],
                cwd=tmp_path,
                env=env,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )

        start("whole").communicate(timeout=100)
        needed = answered.total()
        kills = faults = 0
        while True:
            moment = answered[endpoint] + dice.randrange(1, 21)
            if dice.random() < 0.5:
                sandbox.fault(dice.choice(("502", "drop", "reset", "half")), times=1)
                faults += 1
            process = start("killed")
            if kills == _KILLS:
                break
            while answered[endpoint] < moment and process.poll() is None:
                time.sleep(0.0005)
            assert process.poll() is None, "it ended too soon to be killed as often as that"
            process.kill()
            process.communicate()
            kills += 1
        told = json.loads(process.communicate()[0])
        assert (process.returncode, told["done"] + told["skipped"]) == (ends_with, done)
        wasted = answered.total() - 2 * needed - faults
    assert contents(tmp_path / "killed.db") == contents(tmp_path / "whole.db")
    assert files(tmp_path / "killed") == files(tmp_path / "whole")
    assert wasted <= kills * _CONCURRENCY
