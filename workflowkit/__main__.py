"""The command `workflowkit`, also ``python -m workflowkit``."""

from __future__ import annotations

import sys

_EXTRA = {"click", "rich", "starlette", "uvicorn"}


def main() -> None:
    """Run the command line, or say how to install it."""
    try:
        from .cli import run
    except ModuleNotFoundError as error:
        if error.name not in _EXTRA:
            raise
        sys.exit("the command line needs an extra: pip install 'workflowkit[cli]'")
    sys.exit(run())


if __name__ == "__main__":
    main()
