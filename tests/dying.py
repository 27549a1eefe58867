"""Child processes that end at a given step, without any notice."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Coroutine
from itertools import count
from pathlib import Path
from typing import Any

CRASHED = 77


def steps_until(last: int) -> Callable[[], None]:
    """Return what is to be called before each step; it ends the process before the last one."""
    steps = count(1)

    def step() -> None:
        if next(steps) == last:
            os._exit(CRASHED)

    return step


def in_a_child(work: Coroutine[Any, Any, None], prepare: Callable[[], None] = lambda: None) -> int:
    """Run work in a child process and return its exit code."""
    child = os.fork()
    if child:
        work.close()
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    code = 1
    try:
        prepare()
        asyncio.run(work)
        code = 0
    finally:
        os._exit(code)


def figures_of(script: Path, folder: Path) -> list[int]:
    """Run a script that forks, which a test session mustn't, and return the figures that it prints."""
    done = subprocess.run(
        [sys.executable, str(script), str(folder)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [int(figure) for figure in done.stdout.split()]
