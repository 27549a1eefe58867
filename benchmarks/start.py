"""How long it takes to start: imports and the command line, each in processes of their own.

Run: python -m benchmarks.start
With huaweicloudsdksecmaster installed, the vendor's own SDK takes part. Times are medians of interleaved
rounds, less what Python itself takes; trust the ratios.
"""

from __future__ import annotations

import importlib.util
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence

ROUNDS = 15


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
    if importlib.util.find_spec("huaweicloudsdksecmaster"):
        found["import huaweicloudsdksecmaster.v2"] = ("-c", "import huaweicloudsdksecmaster.v2")
    return found


def main() -> None:
    """Print the table."""
    all_of_them = contenders()
    times: dict[str, list[float]] = {name: [] for name in all_of_them}
    for _ in range(ROUNDS):
        for name, arguments in all_of_them.items():
            began = time.perf_counter()
            subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, check=True)
            times[name].append(time.perf_counter() - began)
    nothing = statistics.median(times.pop("nothing"))
    medians = {name: statistics.median(each) - nothing for name, each in times.items()}
    print("| | milliseconds | x import httpx | x import click |\n|---|---|---|---|")
    for name, seconds in medians.items():
        httpx, click = (seconds / medians[f"import {peer}"] for peer in ("httpx", "click"))
        print(f"| {name} | {seconds * 1e3:.0f} | {httpx:.2f} | {click:.2f} |")


if __name__ == "__main__":
    main()
