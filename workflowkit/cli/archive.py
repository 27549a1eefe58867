"""`workflowkit status` and `verify`: the contents of an archive."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Any

import attrs
import click

from .loop import run_async
from .options import PATH, as_json
from .output import count_of, duration, megabytes, print_json, print_table, say, show_time
from .systems import SYSTEMS
from .times import zoned

if TYPE_CHECKING:
    from ..archive import Counts, Failure, FileCounts, LastRun, StatusCount

_SHOWN = 100


@click.command()
@click.argument("archive", type=PATH)
@zoned
@as_json
def status(archive: str, *, zone: tzinfo | None, as_json: bool) -> None:
    """Print the contents of an archive, and what could not be read.

    \b
    workflowkit status approvals.db
    """
    from ..archive import Archive

    async def read() -> _Contents:
        async with Archive.open(archive, create=False) as opened:
            return _Contents(
                counts=await opened.counts(),
                statuses=await opened.statuses(),
                runs=await opened.last_runs(),
                files=await opened.count_files(),
                failures=await opened.failures(None if as_json else _SHOWN),
            )

    found = run_async(read())
    if as_json:
        print_json(_as_json(found))
    else:
        _show(archive, found, zone)


@attrs.frozen(kw_only=True)
class _Contents:
    counts: Counts
    statuses: Sequence[StatusCount]
    runs: Sequence[LastRun]
    files: FileCounts
    failures: Sequence[Failure]


def _as_json(found: _Contents) -> dict[str, Any]:
    runs = [{**attrs.asdict(run), "state": run.state, "seconds": run.seconds} for run in found.runs]
    details = {
        "statuses": [attrs.asdict(each) for each in found.statuses],
        "runs": runs,
        "files": attrs.asdict(found.files),
        "failures": [attrs.asdict(failure) for failure in found.failures],
    }
    return {**attrs.asdict(found.counts), **details}


def _show(archive: str, found: _Contents, zone: tzinfo | None) -> None:
    if found.statuses:
        statuses = ((each.system, each.label, f"{each.instances:,}") for each in found.statuses)
        print_table("instances", ("system", "status", "number"), statuses)
    counts, files = found.counts, found.files
    always = [("harvested", counts.done), ("could not be read", counts.failed)]
    some = [("harvested in part", counts.partial), ("pending", counts.pending)]
    some += [("logs", counts.logs), ("tasks", counts.tasks), ("nodes", counts.nodes), ("records", counts.records)]
    some += [("links to files", counts.attachments), ("files saved", files.saved)]
    some += [("files pending", files.waiting), ("files lost", files.lost)]
    rows = [(name, f"{number:,}") for name, number in (*always, *some) if number or (name, number) in always]
    if files.saved:
        rows.append(("size of files", megabytes(files.bytes)))
    print_table(archive, ("", "number"), rows)
    if found.failures:
        failures = ((failure.system, failure.tenant, failure.id, failure.error) for failure in found.failures)
        first = "" if len(found.failures) == counts.failed else f", the first {_SHOWN} of {counts.failed:,}"
        print_table(f"could not be read{first}", ("system", "tenant", "instance", "reason"), failures)
    if found.runs:
        runs = (
            (
                run.system,
                run.tenant,
                run.source,
                datetime.fromisoformat(run.began_at),
                duration(run.seconds),
                _state(run),
            )
            for run in found.runs
        )
        columns = ("system", "tenant", "source", "started", "took", "status")
        print_table("last run of each source", columns, runs, spare=("tenant", "took"), zone=zone)
    if files.next_deadline:
        say(f"the first link of the pending files expires at {show_time(files.next_deadline, zone)}")


def _state(run: LastRun) -> str:
    if run.state == "running":
        return f"running: process {run.process}"
    return "interrupted: run the same command again" if run.state == "interrupted" else "finished"


@click.command()
@click.argument("archive", type=PATH)
@as_json
def verify(archive: str, *, as_json: bool) -> int:
    """Check an archive against the vendor's own JSON.

    It also checks row counts, gaps in positions, and links.

    \b
    workflowkit verify approvals.db
    """
    from ..archive import Archive, Problem
    from ..archive import verify as check

    readers = {(system.name, table): reader for system in SYSTEMS for table, reader in system.readers().items()}

    async def read() -> tuple[Counts, list[Problem]]:
        async with Archive.open(archive, create=False) as opened:
            return await opened.counts(), [problem async for problem in check(opened, readers)]

    counts, problems = run_async(read())
    if as_json:
        print_json({**attrs.asdict(counts), "problems": [attrs.asdict(problem) for problem in problems]})
    elif problems:
        rows = ((problem.system, problem.tenant, problem.id, problem.what) for problem in problems[:_SHOWN])
        print_table(count_of(len(problems), "problem"), ("system", "tenant", "instance", "what is wrong"), rows)
    else:
        rows_held = counts.logs + counts.tasks + counts.nodes
        say(f"{archive}: {count_of(counts.done, 'instance')} with {count_of(rows_held, 'row')}, all as it should be")
        left = ((counts.partial, "harvested in part"), (counts.pending, "still to be harvested"))
        if lacks := [f"{count_of(number, 'instance')} {what}" for number, what in left if number]:
            say(f"but {' and '.join(lacks)}: the archive isn't complete, run the harvest again")
    return int(bool(problems))
