"""How long it takes to start: imports and the command line, each in processes of their own.

Run: python -m benchmarks.start
With huaweicloudsdksecmaster installed, the vendor's own SDK takes part. Times are medians of interleaved
rounds, less what Python itself takes; trust the ratios.
"""

from __future__ import annotations

import importlib.util
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib.metadata import distribution, requires
from pathlib import Path

import workflowkit
from benchmarks.report import report, table

ROUNDS = 15
VENDOR = "huaweicloudsdksecmaster"
_NAME = re.compile(r"[\w.-]+")
_ELSEWHERE = re.compile("extra ==|python_version <|python_full_version <|sys_platform == .win32|platform_system")


def contenders() -> dict[str, Sequence[str]]:
    """Return what is timed, as arguments of Python."""
    found: dict[str, Sequence[str]] = {
        "nothing": ("-c", "pass"),
        "import httpx": ("-c", "import httpx"),
        "import click": ("-c", "import click"),
        "import workflowkit": ("-c", "import workflowkit"),
        "from workflowkit import JodooClient": ("-c", "from workflowkit import JodooClient"),
        "from workflowkit import SecMasterClient": ("-c", "from workflowkit import SecMasterClient"),
        "workflowkit --version": ("-m", "workflowkit", "--version"),
        "workflowkit --help": ("-m", "workflowkit", "--help"),
    }
    if importlib.util.find_spec(VENDOR):
        found[f"import {VENDOR}.v2"] = ("-c", f"import {VENDOR}.v2")
    return found


def core(package: str) -> set[str]:
    """Return what installing a package without extras brings, itself included."""
    found, new = set(), {package}
    while new:
        name = new.pop()
        found.add(name)
        needed = [each for each in requires(name) or () if not _ELSEWHERE.search(each)]
        new |= {_NAME.match(each)[0].lower() for each in needed} - found  # type: ignore[index]
    return found


def size(package: str) -> tuple[int, float]:
    """Return how many distributions a package's core install has, and their megabytes, bytecode left out."""
    names = core(package)
    files = [Path(str(file.locate())) for name in names for file in distribution(name).files or ()]
    files += Path(workflowkit.__file__).parent.rglob("*.py") if package == "workflowkit" else []  # from a checkout
    return len(names), sum(file.stat().st_size for file in {*files} if file.suffix != ".pyc" and file.is_file()) / 1e6


def main() -> None:
    """Print the tables."""
    all_of_them = contenders()
    times: dict[str, list[float]] = {name: [] for name in all_of_them}
    for _ in range(ROUNDS):
        for name, arguments in all_of_them.items():
            began = time.perf_counter()
            subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, check=True)
            times[name].append(time.perf_counter() - began)
    nothing = statistics.median(times.pop("nothing"))
    medians = {name: statistics.median(each) - nothing for name, each in times.items()}
    rows = [
        [name, f"{seconds * 1e3:.0f}", *(f"{seconds / medians[f'import {peer}']:.2f}" for peer in ("httpx", "click"))]
        for name, seconds in medians.items()
    ]
    text = table(["", "milliseconds", "x import httpx", "x import click"], rows)
    installed = [(package, *size(package)) for package in ("workflowkit", VENDOR) if importlib.util.find_spec(package)]
    sizes = table(
        ["installed, without extras", "distributions", "megabytes"],
        [[package, str(number), f"{megabytes:.1f}"] for package, number, megabytes in installed],
    )
    report(
        "start",
        "What starting takes, less what Python itself takes",
        f"{text}\n\n{sizes}",
        bars={name: {"milliseconds": seconds * 1e3} for name, seconds in medians.items()},
        axis="milliseconds",
    )


if __name__ == "__main__":
    main()
