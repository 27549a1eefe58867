"""What a report and the exports of events cost, at 5,000, 100,000 and 1,000,000 events, beside the obvious ways.

Run: python -m benchmarks.events [events ...]
Each is done in a process of its own, with its time and its most memory. The peers: the SQL that `report --sql` prints,
`csv.writer` on the rows of the view, PyArrow with the whole table in memory (if it is installed), and XES by
ElementTree, a case at a time. Trust the ratios.
"""

from __future__ import annotations

import asyncio
import csv
import importlib.util
import random
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree as ET

from benchmarks.report import report, table
from workflowkit import Archive

SIZES = (5_000, 100_000, 1_000_000)
STEPS = ("Manager approval", "Finance review", "Signature required", "Director approval")
PEOPLE = tuple((f"u{n}", name) for n, name in enumerate(("Ada Park", "李娜", "Jonas Weber", "刘洋", "Amina Diallo")))
BEGIN = datetime(2025, 1, 6, 1, tzinfo=UTC)
ALL_EVENTS = "SELECT * FROM events ORDER BY 1, 2, 3, 4"


def stored(moment: datetime) -> str:
    """Return a time as archives have it."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


async def fill(path: Path, events: int) -> None:
    """Make an archive of an invented company with so many tasks, in 40 weeks."""
    async with Archive.open(path):
        pass
    rng, made, case = random.Random(1), 0, 0
    pace = timedelta(weeks=40) / (events / 3)
    with sqlite3.connect(path) as connection:
        while made < events:
            at, instance = BEGIN + pace * case, f"65{case % 2:02x}cba9{case:016x}"
            began, steps, is_open = at, min(rng.choice((1, 2, 3, 3, 4, 5)), events - made), rng.random() < 0.02
            for position in range(steps):
                end = None if is_open and position == steps - 1 else at + timedelta(hours=rng.lognormvariate(1, 1.5))
                action = None if end is None else rng.choice(("forward",) * 8 + ("back", "transfer"))
                task = (f"{instance}{position}", position % 4, STEPS[position % 4], None, 1, "forward", stored(at))
                who = rng.choice(PEOPLE)
                row = ("jodoo", "t", instance, position, *task, action, end and stored(end), *who, "{}")
                connection.execute(f"INSERT INTO tasks VALUES ({', '.join('?' * len(row))})", row)
                at = end or at
            connection.execute(
                "INSERT INTO instances (system, tenant, id, form_id, state, status, harvested_at, stored_tables, "
                "form_name, start_time, is_open) VALUES ('jodoo', 't', ?, ?, 'done', '1', '2025-12-01T00:00:00.000Z', "
                "'logs,tasks,links', ?, ?, ?)",
                (instance, f"f{case % 2}", ("Purchase", "Leave")[case % 2], stored(began), is_open),
            )
            made, case = made + steps, case + 1


def ours(kind: str, archive: Path, to: Path) -> None:
    """Write the report, or an export."""
    from workflowkit.export import export_to, format_of  # noqa: PLC0415  # what is measured imports it
    from workflowkit.report import write_page  # noqa: PLC0415

    async def work() -> None:
        async with Archive.open(archive, create=False) as opened:
            if kind == "html":
                await write_page(opened, f"{to}.html", zone=UTC)
            else:
                await export_to(opened, "events", f"{to}.{kind}", format_of(f"{to}.{kind}"))

    asyncio.run(work())


def sql(archive: Path, to: Path) -> None:
    """Ask for all figures by SQL."""
    from workflowkit.report.sql import statements  # noqa: PLC0415

    async def text() -> str:
        async with Archive.open(archive, create=False) as opened:
            return await statements(opened, UTC)

    setup, *parts = asyncio.run(text()).split("-- name: ")
    with sqlite3.connect(archive) as connection:
        connection.executescript(setup)
        for part in parts:
            connection.execute(part.partition("\n")[2]).fetchall()
    to.with_suffix(".sql").touch()


def plain_csv(archive: Path, to: Path) -> None:
    """Write the view with `csv.writer`."""
    with sqlite3.connect(archive) as connection, to.with_suffix(".csv").open("w", newline="") as file:
        rows = connection.execute(ALL_EVENTS)
        writer = csv.writer(file)
        writer.writerow(column[0] for column in rows.description)
        writer.writerows(rows)


def pyarrow(archive: Path, to: Path) -> None:
    """Write the view with PyArrow, times as times."""
    import pyarrow as pa  # noqa: PLC0415
    from pyarrow import parquet  # noqa: PLC0415

    with sqlite3.connect(archive) as connection:
        rows = connection.execute(ALL_EVENTS)
        names = [column[0] for column in rows.description]
        columns = dict(zip(names, zip(*rows.fetchall(), strict=True), strict=True))
    for name in ("start_time", "end_time"):
        columns[name] = tuple(text and datetime.fromisoformat(text) for text in columns[name])
    parquet.write_table(pa.table(columns), to.with_suffix(".parquet"), compression="zstd")


def elements(archive: Path, to: Path) -> None:
    """Write XES with ElementTree, a case at a time."""

    def add(event: ET.Element, key: str, value: str, kind: str = "string") -> None:
        ET.SubElement(event, kind, key=key, value=value)

    with sqlite3.connect(archive) as connection, to.with_suffix(".xes").open("wb") as file:
        trace, last = ET.Element("trace"), None
        for _, _, case, position, activity, start, end, who, *_ in connection.execute(ALL_EVENTS):
            if case != last:
                file.write(ET.tostring(trace, "utf-8"))
                trace, last = ET.Element("trace"), case
                add(trace, "concept:name", case)
            for transition, at in (("start", start), ("complete", end)):
                if at is not None:
                    event = ET.SubElement(trace, "event")
                    add(event, "concept:name", activity)
                    add(event, "concept:instance", f"{case}-{position}")
                    add(event, "lifecycle:transition", transition)
                    add(event, "time:timestamp", at.replace("Z", "+00:00"), "date")
                    add(event, "org:resource", who)
        file.write(ET.tostring(trace, "utf-8"))


PEERS: dict[str, tuple[str, Callable[[Path, Path], None]]] = {
    "html": ("the same figures by SQL", sql),
    "csv": ("csv.writer", plain_csv),
    "parquet": ("PyArrow", pyarrow),
    "xes": ("ElementTree", elements),
}
KINDS = {
    "html": "report",
    "csv": "CSV",
    "jsonl": "JSON Lines",
    "parquet": "Parquet",
    "xes": "XES",
    "xes.gz": "XES, gzip",
}


def child(contender: str, archive: Path, to: Path) -> None:
    """Do one of them, and print its seconds and megabytes."""
    began = time.monotonic()
    if contender.startswith("peer-"):
        PEERS[contender.removeprefix("peer-")][1](archive, to)
    else:
        ours(contender, archive, to)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{time.monotonic() - began} {memory}")


def run(contender: str, archive: Path, to: Path) -> tuple[float, float]:
    """Return the seconds and megabytes of one contender."""
    command = [sys.executable, "-m", "benchmarks.events", "child", contender, str(archive), str(to)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    seconds, memory = map(float, printed.split())
    return seconds, memory


def main(sizes: tuple[int, ...]) -> None:
    """Print the table, and write it down."""
    rows: list[tuple[str, ...]] = []
    bars: dict[str, dict[str, float]] = {}
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            archive, to = Path(folder, "a.db"), Path(folder, "out")
            asyncio.run(fill(archive, size))
            for kind, name in KINDS.items():
                seconds, memory = run(kind, archive, to)
                large = Path(f"{to}.{kind}").stat().st_size / 1_000_000
                row = [f"{size:,}", name, f"{seconds:.1f}", f"{size / seconds / 1000:,.0f}", f"{memory:.0f}"]
                row.append(f"{large:.2f}")
                bars.setdefault(f"{name}, {size:,}", {})["workflowkit"] = size / seconds / 1000
                peer = PEERS.get(kind)
                if peer and (kind != "parquet" or importlib.util.find_spec("pyarrow")):
                    theirs, more = run(f"peer-{kind}", archive, to)
                    row += [peer[0], f"{theirs / seconds:.2f}", f"{more:.0f}"]
                    bars[f"{name}, {size:,}"]["peer"] = size / theirs / 1000
                rows.append((*row, *[""] * (9 - len(row))))
                print(" | ".join(rows[-1]), flush=True)
    head = ("events", "what", "s", "1,000 events/s", "memory MB", "file MB", "peer", "times as fast as it", "its MB")
    report("events", "Report and exports of events", table(head, rows), bars=bars, axis="1,000 events a second")


if __name__ == "__main__":
    if sys.argv[1:2] == ["child"]:
        child(sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]))
    else:
        main(tuple(map(int, sys.argv[1:])) or SIZES)
