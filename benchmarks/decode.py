"""What a page of 100 costs from bytes to objects, against parsers that stop at dicts.

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
from workflowkit.model import Model
from workflowkit.sandbox import Workspace, World
from workflowkit.secmaster.models import InstancesPage

ROUNDS = 200


def logs() -> bytes:
    """Return 100 logs as the sandbox's Jodoo serves them."""
    world = World()
    form, number = world.find(world.awkward()["100 logs"]) or ("", 0)
    return json.dumps({"logs": world.logs(form, number, 0, 100, "https://files.jodoo.com")}).encode()


def instances() -> bytes:
    """Return 100 instances as the sandbox's SecMaster serves them."""
    page = Workspace(200).page({}, None, None, newest_first=False, offset=50, limit=100)
    return json.dumps(page).encode()


PAGES: dict[str, tuple[bytes, type[Model]]] = {
    "logs of Jodoo": (logs(), LogsPage),
    "instances of SecMaster": (instances(), InstancesPage),
}


def orjson() -> Callable[[bytes], Any] | None:
    """Return orjson's parser, None where it isn't installed."""
    try:
        parser: Callable[[bytes], Any] = importlib.import_module("orjson").loads
    except ImportError:
        return None
    return parser


def main() -> None:
    """Print a table for each kind of page."""
    for name, (body, returns) in PAGES.items():
        measure(name, body, returns)


def measure(page: str, body: bytes, returns: type[Model]) -> None:
    """Print what one page costs each contender."""
    contenders: dict[str, Callable[[], Any]] = {
        "stdlib json to dicts": lambda: json.loads(body),
        "workflowkit to frozen attrs objects": lambda: decode(Document(body), returns),
        "the same through cattrs alone": lambda: structure(parse(returns.prepare(body)), returns),
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
    print(f"\none page of 100 {page}, {len(body) / 1000:.1f} KB, median of {ROUNDS}\n")
    print("| from bytes to | microseconds | x stdlib json |\n|---|---|---|")
    for name, seconds in sorted(median.items(), key=lambda item: item[1]):
        print(f"| {name} | {seconds * 1e6:.0f} | {seconds / base:.2f} |")


if __name__ == "__main__":
    main()
