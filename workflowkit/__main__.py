"""The command `workflowkit`, also ``python -m workflowkit``."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress

_INTERRUPTED = (130, 143)
_PATIENCE = 1.0
"""Seconds that a thread is given to end."""

_EXTRA = {"click", "rich", "starlette", "uvicorn"}


def main() -> None:
    """Run the command line, or say how to install it."""
    try:
        from .cli import run

        code: int | str = run()
    except ModuleNotFoundError as error:
        if str(error.name).partition(".")[0] not in _EXTRA:
            raise
        code = "the command line needs an extra: pip install 'workflowkit[cli]'"
    if code in _INTERRUPTED or _has_hanging_threads():
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                with suppress(OSError, ValueError):
                    stream.flush()
        os._exit(code if isinstance(code, int) else 1)  # without waiting for a thread that looks up a name
    sys.exit(code)


def _has_hanging_threads() -> bool:
    """Return whether a thread continues although nobody waits for it: a name lookup may take minutes."""
    for thread in threading.enumerate():
        if thread is not threading.main_thread() and not thread.daemon:
            thread.join(_PATIENCE)
            if thread.is_alive():
                return True
    return False


if __name__ == "__main__":
    main()
