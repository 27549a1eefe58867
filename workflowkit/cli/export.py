"""`workflowkit export`: an archive's tables as files that other tools read."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .loop import run_async
from .options import PATH, as_json
from .output import count_of, print_json, print_table, say
from .times import parse_time

if TYPE_CHECKING:
    from ..archive import Where

_TO = "Output: FILE.csv, .jsonl, .parquet, .xes or .xes.gz. FOLDER/ gets a file for each table. - is stdout."
_WHERE = "Only instances with this: form=ENTRY, tenant=NAME, system=jodoo, since=7d or until=2025-07-01. Repeat it."
_FORMATS = ("csv", "jsonl", "parquet", "xes", "xes.gz")
_TABLES = ("events", "logs", "tasks", "nodes", "instances", "records", "forms", "fields", "attachments")
_CHOICES = ("form", "tenant", "system", "since", "until")


@click.command()
@click.argument("archive", type=PATH)
@click.option("--to", type=PATH, metavar="FILE", required=True, help=_TO)
@click.option("--table", type=click.Choice(_TABLES), help="Default: logs if there are any, else nodes, else instances.")
@click.option("--form", metavar="ENTRY", help="The form whose records are wanted. Implies --table records.")
@click.option("--where", "conditions", metavar="NAME=VALUE", multiple=True, help=_WHERE)
@click.option("--columns", metavar="A,B", help="Only these columns, in this order. Put one that has a comma in quotes.")
@click.option("--raw", is_flag=True, help="Keep signed links, the vendor's JSON and formulas as they are stored.")
@click.option("--bom", is_flag=True, help="Begin a CSV file with a byte order mark, for Excel.")
@click.option("--format", "kind", type=click.Choice(_FORMATS), help="Required with --to -.")
@as_json
def export(archive: str, *, to: str, as_json: bool, **options: Any) -> None:
    """Write a table of an archive to a file: CSV, JSON Lines, Parquet or XES.

    The table `records` is what people have filled in: one form's fields, with their labels. `events` has the columns
    that tools for process mining know. Links are written without their signature, so the file can be mailed.

    \b
    workflowkit export approvals.db --to approvals.csv
    workflowkit export approvals.db --to tables/
    workflowkit export approvals.db --to requests.csv --form 6573f1c2a9d4e80007b1c101
    workflowkit export approvals.db --to approvals.xes.gz --where since=2025-01-01
    workflowkit export approvals.db --to - --format jsonl --table events --columns case_id,activity | head
    """
    is_folder = to.endswith(("/", os.sep)) or Path(to).is_dir()
    written = run_async(_write(archive, to, is_folder=is_folder, **options))
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


async def _write(
    archive: str,
    to: str,
    *,
    is_folder: bool,
    table: str | None,
    form: str | None,
    conditions: Sequence[str],
    columns: str | None,
    raw: bool,
    bom: bool,
    kind: str | None,
) -> dict[str, int]:
    from ..archive import Archive
    from ..export import Options, export_all, export_to, format_of, table_of

    chosen = format_of(to, kind or "csv" if is_folder else kind)
    if form is not None and table not in (None, "records"):
        raise click.UsageError(f"--form goes with --table records, not with --table {table}; --where form={form} does")
    if is_folder and (form or table):
        raise click.UsageError(f"--to {to} writes all tables: name a file for one of them")
    if bom and chosen != "csv":
        raise click.UsageError("--bom goes with CSV files only")
    if chosen.startswith("xes"):
        if form is not None:
            raise click.UsageError(f"--form writes records, but a XES file has events: use --where form={form}")
        table = table or "events"
    table = "records" if form is not None else table
    options: Options = {"raw": raw, "bom": bom, "where": _where(conditions)}
    options["columns"] = None if columns is None else next(csv.reader([columns], skipinitialspace=True))
    async with Archive.open(archive, create=False) as opened:
        if is_folder:
            return await export_all(opened, to, chosen, **options)
        wanted = table or await table_of(opened)
        if table is None and wanted == "logs" and (tasks := (await opened.counts()).tasks):
            say(f"logs are the tasks with a comment; all {tasks:,} tasks are in --table tasks and --table events")
        return {wanted: await export_to(opened, wanted, to, chosen, form=form, **options)}


def _where(conditions: Sequence[str]) -> Where:
    """Return what the conditions choose."""
    from ..archive import Where

    found: dict[str, Any] = {}
    for condition in conditions:
        name, _, value = condition.partition("=")
        if name not in _CHOICES or not value:
            raise click.UsageError(f"--where {condition}: write NAME=VALUE, with one of {', '.join(_CHOICES)}")
        if name in found:
            raise click.UsageError(f"--where {name}= is there twice: an export has one of each")
        found[name] = parse_time(value, None, datetime.now(UTC)) if name in ("since", "until") else value
    return Where(**found)
