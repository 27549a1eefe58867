"""`workflowkit status`, `verify` and `export`: the contents of an archive."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import click

from .loop import run_async
from .options import PATH, as_json
from .output import count_of, duration, megabytes, print_json, print_table, say
from .systems import SYSTEMS

if TYPE_CHECKING:
    from ..archive import Counts, Failure, FileCounts, LastRun, StatusCount

_SHOWN = 100
_TO = "Output: FILE.jsonl or FILE.csv. FOLDER/ gets a file for each table. - is stdout."
TABLES = ("events", "logs", "tasks", "nodes", "instances", "records", "forms", "fields", "attachments")


@click.command()
@click.argument("archive", type=PATH)
@as_json
def status(archive: str, *, as_json: bool) -> None:
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
        _show(archive, found)


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


def _show(archive: str, found: _Contents) -> None:
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
        columns = ("system", "tenant", "source", "started (UTC)", "took", "status")
        print_table("last run of each source", columns, runs, spare=("tenant", "took"))
    if files.next_deadline:
        say(f"the first link of the pending files expires at {files.next_deadline}")


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


@click.command()
@click.argument("archive", type=PATH)
@click.option("--to", type=PATH, metavar="FILE", required=True, help=_TO)
@click.option("--table", type=click.Choice(TABLES), help="Default: logs if there are any, else nodes, else instances.")
@click.option("--form", metavar="ENTRY", help="The form whose records are wanted. Implies --table records.")
@click.option("--raw", is_flag=True, help="Keep signed links, the vendor's JSON and formulas as they are stored.")
@click.option("--bom", is_flag=True, help="Begin a CSV file with a byte order mark, for Excel.")
@click.option("--format", "kind", type=click.Choice(["jsonl", "csv"]), help="Required with --to -.")
@as_json
def export(
    archive: str,
    *,
    to: str,
    table: str | None,
    form: str | None,
    raw: bool,
    bom: bool,
    kind: str | None,
    as_json: bool,
) -> None:
    """Write a table of an archive to a CSV or JSON Lines file.

    The table `records` is what people have filled in: one form's fields, with their labels. Links are
    written without their signature, so the file can be mailed.

    \b
    workflowkit export approvals.db --to approvals.csv
    workflowkit export approvals.db --to tables/
    workflowkit export approvals.db --to requests.csv --form 6573f1c2a9d4e80007b1c101
    workflowkit export approvals.db --to - --format jsonl --table events | head
    """
    from ..archive import Archive
    from ..export import export_all, export_to, format_of, table_of

    is_folder = to.endswith(("/", os.sep)) or Path(to).is_dir()
    chosen = format_of(to, kind or "csv" if is_folder else kind)
    if form is not None and table not in (None, "records"):
        raise click.UsageError(f"--form goes with --table records, not with --table {table}")
    if is_folder and (form or table):
        raise click.UsageError(f"--to {to} writes all tables: name a file for one of them")
    if bom and chosen != "csv":
        raise click.UsageError("--bom goes with CSV files only")
    table = "records" if form is not None else table

    async def write() -> dict[str, int]:
        async with Archive.open(archive, create=False) as opened:
            if is_folder:
                return await export_all(opened, to, chosen, raw=raw, bom=bom)
            wanted = table or await table_of(opened)
            return {wanted: await export_to(opened, wanted, to, chosen, form=form, raw=raw, bom=bom)}

    written = run_async(write())
    if as_json and is_folder:
        print_json({"files": written, "to": to})
    elif is_folder:
        print_table(to, ("file", "rows"), ((name, f"{rows:,}") for name, rows in written.items()), err=True)
    else:
        ((wanted, rows),) = written.items()
        if as_json and to != "-":
            print_json({"table": wanted, "rows": rows, "to": to})
        else:
            say(f"{count_of(rows, 'row')} of {wanted} written" + (f" to {to}" if to != "-" else ""))
