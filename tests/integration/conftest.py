"""The command line as people and scripts call it: real processes, a real server."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from workflowkit.sandbox import Sandbox, World

SECRETS = ("sandbox-key", "SandboxSecretKey", "sandbox-password")


class Shell:
    """Runs `workflowkit` in a folder, against a sandbox."""

    def __init__(self, folder: Path, sandbox: Sandbox) -> None:
        self.folder = folder
        self.env = {**os.environ, **sandbox.env, "PYTHONWARNINGS": "error", "COLUMNS": "100"}
        self.env["WORKFLOWKIT_CONFIG"] = str(folder / "settings" / "config.toml")

    def start(self, *arguments: str, stdin: int | None = None, **env: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "workflowkit", *arguments]
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env={**self.env, **env},
            stdin=stdin or subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    def __call__(self, *arguments: str, text: str | None = None, **env: str) -> tuple[int, str, str]:
        process = self.start(*arguments, stdin=subprocess.PIPE if text is not None else None, **env)
        out, err = process.communicate(text, timeout=50)
        assert not any(secret in err for secret in SECRETS)
        assert "Traceback" not in err, err
        return process.returncode, out, err


@pytest.fixture
def free():
    with Sandbox(World(60), limited=False) as server:
        yield server


@pytest.fixture
def shell(tmp_path, free):
    return Shell(tmp_path, free)


@pytest.fixture
def shell_in():
    return Shell
