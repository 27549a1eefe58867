"""The command `workflowkit`, also ``python -m workflowkit``."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

_INTERRUPTED = (130, 143)
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
    if code in _INTERRUPTED:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                with suppress(OSError, ValueError):
                    stream.flush()
        os._exit(int(code))  # without waiting for threads: one may look up a name for minutes
    sys.exit(code)


if __name__ == "__main__":
    main()
