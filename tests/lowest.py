"""Install the lowest version of each package that pyproject.toml allows."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

_FLOOR = re.compile(r"([\w-]+)(?:\[[\w,]+\])?>=([\w.]+)")
_TOOLS = {"mypy", "pyright", "ruff", "import-linter"}
"""What only the environment "check" uses."""


def floors() -> list[str]:
    """Return each package that users get, with the lowest version that is allowed."""
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *extras["cli"], *extras["parquet"], *extras["speedups"]]
    return [f"{match[1]}=={match[2]}" for each in wanted if (match := _FLOOR.match(each))]


if __name__ == "__main__":
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", *floors()], check=True)
