"""What a page of 100 costs from bytes to objects, against parsers that stop at dicts.

Run: python -m benchmarks.decode
orjson takes part if it is installed. Times are medians of interleaved rounds; trust the ratios.
"""

from __future__ import annotations

import importlib
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import msgspec

from benchmarks.report import report, table
from workflowkit._decode.converter import decode, structure
from workflowkit._decode.document import Document, parse
from workflowkit._decode.model import Model
from workflowkit.jodoo.models import LogsPage
from workflowkit.sandbox import Workspace, World
from workflowkit.secmaster.models import InstancesPage

ROUNDS = 200
OURS = "workflowkit to frozen attrs objects"
PEERS = ("orjson to dicts", "stdlib json to dicts")


def sparse() -> bytes:
    """Return 100 logs as the sandbox's Jodoo serves them: one in some has files, most lack what may be left out."""
    world = World()
    form, number = world.find(world.edge_cases()["100 logs"]) or ("", 0)
    return json.dumps({"logs": world.logs(form, number, 0, 100, "https://files.jodoo.com")}).encode()


def full() -> bytes:
    """Return 100 logs like the vendor's sample: each is signed and has three files (help.jodoo.com/open/18793)."""
    link = "https://files.jodoo.com/FtMNaGofTPeLMFW5_5SCs8w2mX8h?e=1595347199&token=" + 69 * "t"
    files = [{"name": "Image.jpeg", "size": 74935, "mime": "image/jpeg", "url": link}] * 3
    logs = json.loads(sparse())["logs"]
    return json.dumps({"logs": [{**log, "signature": {"url": link}, "attachments": files} for log in logs]}).encode()


def instances() -> bytes:
    """Return 100 instances as the sandbox's SecMaster serves them."""
    page = Workspace(200).page({}, None, None, newest_first=False, offset=50, limit=100)
    return json.dumps(page).encode()


PAGES: dict[str, tuple[bytes, type[Model]]] = {
    "logs, few with files": (sparse(), LogsPage),
    "logs, all with files": (full(), LogsPage),
    "SecMaster instances": (instances(), InstancesPage),
}


def orjson() -> Callable[[bytes], Any] | None:
    """Return orjson's parser, None where it isn't installed."""
    try:
        parser: Callable[[bytes], Any] = importlib.import_module("orjson").loads
    except ImportError:
        return None
    return parser


def main() -> None:
    """Print the table."""
    found = {page: measure(*each) for page, each in PAGES.items()}
    peers = [peer for peer in PEERS if peer in found[next(iter(found))]]
    rows = [
        [
            f"{page}, {len(PAGES[page][0]) / 1000:.0f} KB",
            contender,
            f"{seconds * 1e6:.0f}",
            *(f"{seconds / medians[peer]:.2f}" for peer in peers),
        ]
        for page, medians in found.items()
        for contender, seconds in sorted(medians.items(), key=lambda each: each[1])
    ]
    base = peers[0]
    report(
        "decode",
        "Microseconds from the bytes of a page of 100 to objects",
        table(["page", "from bytes to", "microseconds", *(f"x {peer}" for peer in peers)], rows),
        bars={
            page: {contender: seconds / medians[base] for contender, seconds in medians.items()}
            for page, medians in found.items()
        },
        axis=f"times {base}",
    )


def measure(body: bytes, returns: type[Model]) -> dict[str, float]:
    """Return the seconds that one page takes each contender."""
    prepared, cls = returns.prepare(body), returns
    bare: Any = msgspec.json.Decoder(cls)
    contenders: dict[str, Callable[[], Any]] = {
        "stdlib json to dicts": lambda: json.loads(body),
        "msgspec alone to the same objects, no `extra`": lambda: bare.decode(prepared),
        OURS: lambda: decode(Document(body), returns),
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
    return {name: statistics.median(each) for name, each in times.items()}


if __name__ == "__main__":
    main()
