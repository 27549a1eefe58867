"""SIGKILL a harvest that uses all of the limit, and start it again at once: the service never refuses."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from workflowkit.sandbox import Sandbox, World


@pytest.mark.long
def test_killed_and_started_again_at_once_it_is_never_refused(tmp_path):
    with Sandbox(World(150)) as sandbox:
        (tmp_path / "ids.txt").write_text("\n".join(sandbox.world.instance_ids()))
        command = [sys.executable, "-m", "workflowkit", "harvest", "jodoo", "--ids", "ids.txt", "--archive", "a.db"]

        def start() -> subprocess.Popen[bytes]:
            env = {**os.environ, **sandbox.env}
            return subprocess.Popen([*command, "--json"], cwd=tmp_path, env=env, stdout=subprocess.PIPE)

        answered = sandbox.jodoo.answered
        for until in (40, 75, 110):
            process = start()
            while answered["workflow_logs"] < until:
                time.sleep(0.01)
            process.send_signal(signal.SIGKILL)
            process.communicate()
        process = start()
        printed, _ = process.communicate(timeout=50)
        assert json.loads(printed)["done"] + json.loads(printed)["skipped"] == 150
        assert answered["8303"] + answered["8304"] == 0
