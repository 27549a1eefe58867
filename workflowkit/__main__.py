"""The command `workflowkit`, also ``python -m workflowkit``."""

from __future__ import annotations

import sys

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
    sys.exit(code)


if __name__ == "__main__":
    main()
