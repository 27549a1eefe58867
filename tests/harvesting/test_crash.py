"""A crash at every statement that the writer executes: what is there afterwards is whole, and the rest is done."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HARVESTS = Path(__file__).with_name("crashing.py")


@pytest.mark.long
def test_a_crash_at_every_statement_of_the_writer(tmp_path):
    done = subprocess.run(
        [sys.executable, str(HARVESTS), str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(HARVESTS.parents[1])},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    crashes, differing = map(int, done.stdout.split())
    assert crashes > 70
    assert differing == 0
