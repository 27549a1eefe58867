"""What a page of 100 logs costs from bytes to objects, against parsers that stop at dicts.

Run: python benchmarks/decode.py
orjson takes part if it is installed. Times are medians of interleaved rounds; trust the ratios.
"""

from __future__ import annotations

import importlib
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

from workflowkit.converter import decode, structure
from workflowkit.document import Document, parse
from workflowkit.jodoo.models import LogsPage
from workflowkit.sandbox import World

ROUNDS = 200


def page() -> bytes:
    """Return 100 logs as the sandbox serves them."""
    world = World()
    form, number = world.find(world.awkward()["100 logs"]) or ("", 0)
    return json.dumps({"logs": world.logs(form, number, 0, 100, "https://files.jodoo.com")}).encode()


def orjson() -> Callable[[bytes], Any] | None:
    """Return orjson's parser, None where it isn't installed."""
    try:
        parser: Callable[[bytes], Any] = importlib.import_module("orjson").loads
    except ImportError:
        return None
    return parser


def main() -> None:
    """Print the table."""
    body = page()
    contenders: dict[str, Callable[[], Any]] = {
        "stdlib json to dicts": lambda: json.loads(body),
        "workflowkit to frozen attrs objects": lambda: decode(Document(body), LogsPage),
        "the same through cattrs alone": lambda: structure(parse(body), LogsPage),
    }
    if loads := orjson():
        contenders["orjson to dicts"] = lambda: loads(body)
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(ROUNDS):
        for name, contender in contenders.items():
            begun = time.perf_counter()
            contender()
            times[name].append(time.perf_counter() - begun)
    median = {name: statistics.median(each) for name, each in times.items()}
    base = median["stdlib json to dicts"]
    print(f"one page of 100 logs, {len(body) / 1000:.1f} KB, median of {ROUNDS}\n")
    print("| from bytes to | microseconds | x stdlib json |\n|---|---|---|")
    for name, seconds in sorted(median.items(), key=lambda item: item[1]):
        print(f"| {name} | {seconds * 1e6:.0f} | {seconds / base:.2f} |")


if __name__ == "__main__":
    main()
