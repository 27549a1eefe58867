"""Read-only file systems, mounted for one command in a mount namespace of its own."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest

APP = "6573f1c2a9d4e80007b1c001"
HARVEST = ("harvest", "jodoo", "--app", APP, "--archive", "vol/a.db", "--rate", "none")


@pytest.fixture
def namespaced(shell):
    """Runs commands after mounts that nobody else sees; in the folder ``vol``, which is a disk of its own."""
    volume = shell.folder / "vol"
    volume.mkdir()

    def run(mounts, *commands):
        script = "\n".join(["set -e", mounts, f"mount -t tmpfs tmpfs {volume}", f"cd {shell.folder}", *commands])
        return subprocess.run(
            ["unshare", "-m", "sh", "-c", script.replace("workflowkit ", f"{sys.executable} -m workflowkit ")],
            cwd=shell.folder, env=shell.env, capture_output=True, text=True, timeout=50, check=False,
        )  # fmt: skip

    if shutil.which("unshare") is None or run("true", "true").returncode:
        pytest.skip("mount namespaces aren't allowed here")
    return run


def test_a_container_that_is_read_only_but_for_the_volume(namespaced):
    done = namespaced(
        "mount --bind / / && mount -o remount,ro,bind /",
        "! touch /tmp/x 2>/dev/null && ! touch x 2>/dev/null",
        f"workflowkit {' '.join(HARVEST)} --json",
        "workflowkit export vol/a.db --to - --format jsonl --table events | wc -l",
    )
    assert done.returncode == 0, done.stderr
    summary, rows = done.stdout.splitlines()
    assert json.loads(summary)["done"] == 60
    assert int(rows) > 60


def test_an_archive_on_a_disk_that_has_become_read_only(namespaced, shell):
    wal = "import sqlite3; sqlite3.connect('vol/a.db').execute('PRAGMA journal_mode = WAL')"
    done = namespaced(
        "true",
        f"workflowkit {' '.join(HARVEST)}",
        f'{sys.executable} -c "{wal}"',
        f"mount -o remount,ro {shell.folder}/vol",
        "workflowkit status vol/a.db --json",
        f"mount -o remount,rw {shell.folder}/vol",
        "echo more > vol/a.db-wal",
        f"mount -o remount,ro {shell.folder}/vol",
        "workflowkit status vol/a.db --json || true",
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["done"] == 60
    assert "was killed, has left a part of it in the file beside it that ends in -wal" in done.stderr
