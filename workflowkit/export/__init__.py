"""An archive's tables as files that other tools read."""

from __future__ import annotations

import asyncio
import gzip
import io
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Literal, TypedDict, Unpack

from ..archive import Archive, Where
from ..archive.cases import Case, check_matches, count_tenants, read_cases
from ..archive.eventlog import Columns, as_rows
from ..errors import ConfigError, HarvestError
from ..redact import redact_url
from .columns import chosen_columns
from .target import opened, resolve
from .text import write_csv, write_jsonl
from .xes import FOOTER, HEADER, trace

Format = Literal["csv", "jsonl", "parquet", "xes", "xes.gz"]
FORMATS: tuple[Format, ...] = ("csv", "jsonl", "parquet", "xes", "xes.gz")

_BOM = "\ufeff"
"""Tells Excel that a file is UTF-8."""


class Options(TypedDict, total=False):
    """How an export is written.

    Attributes:
        where: which instances are wanted. Default: all.
        columns: the columns that are wanted, in their order. Default: all.
        raw: keep everything as it is stored: links with their signatures, the vendor's JSON, formulas.
        bom: begin a CSV file with a byte order mark, as Excel wants it.
    """

    where: Where
    columns: Sequence[str] | None
    raw: bool
    bom: bool


def format_of(to: str, chosen: str | None = None) -> Format:
    """Return the format that is chosen, or that the file name's ending says. Raises ConfigError."""
    for name in FORMATS:
        if chosen == name or (chosen is None and to.lower().endswith(f".{name}")):
            return name
    endings = ", ".join(f".{name}" for name in FORMATS)
    raise ConfigError(f"{redact_url(to)!r}: name a file that ends in one of {endings}, or pass --format")


async def table_of(archive: Archive) -> str:
    """Return the table that people expect where none is chosen: logs if there are any, else nodes, else instances.

    Raises ConfigError where there are both logs and nodes: one of them would be missed.
    """
    counts = await archive.counts()
    if counts.logs and counts.nodes:
        raise ConfigError("the archive has logs and nodes: pass --table, or --to FOLDER/ for all tables")
    return "logs" if counts.logs or not counts.done else "nodes" if counts.nodes else "instances"


async def export_all(archive: Archive, folder: str, kind: Format, **options: Unpack[Options]) -> dict[str, int]:
    """Write each table that has rows to a file of its own in the folder. Return the number of rows of each file.

    Records have a file for each form. The folder is made if it isn't there. XES files have events only. Errors are
    those of `export_to`.
    """
    if options.get("columns"):
        raise ConfigError("columns are chosen of one table, not of all: name a file")
    counts = await archive.counts()
    forms = await archive.forms()
    steps = {"logs": counts.logs, "tasks": counts.tasks, "nodes": counts.nodes}
    rows = {"events": sum(steps.values()), **steps, "attachments": counts.attachments}
    tables = ["instances", *(table for table, number in rows.items() if number)]
    tables += ["forms", "fields"] if forms and options.get("where", Where()) == Where() else []
    wanted: list[tuple[str, str, str | None]] = [(table, table, None) for table in tables]
    wanted += [(f"records-{form.form_id}", "records", form.form_id) for form in forms]
    if kind.startswith("xes"):
        wanted = [("events", "events", None)]
    try:
        await asyncio.to_thread(Path(folder).mkdir, mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise HarvestError(f"{folder}: can't be made ({error.strerror}); choose another place") from error
    return {
        f"{name}.{kind}": await export_to(
            archive, table, str(Path(folder) / f"{name}.{kind}"), kind, form=form, **options
        )
        for name, table, form in wanted
    }


async def export_to(
    archive: Archive, table: str, to: str, kind: Format, *, form: str | None = None, **options: Unpack[Options]
) -> int:
    """Write a table and return the number of its rows. ``-`` is stdout. Memory stays flat.

    A file appears under its name when it is complete, never in part. Raises ConfigError for an unknown table, column
    or form, the archive's own path or an extra that isn't installed, HarvestError for a file that can't be written.

    Args:
        archive: it must have been entered.
        table: one of the archive's, or ``records``: those of one form, with the labels of its fields as columns.
            ``events`` has the standard columns of event logs.
        to: the file. One that is there is replaced.
        kind: the file's format. XES is for events only.
        form: the id of the form whose records are wanted. It may be left out where the archive has those of one only.
        options: see `Options`.
    """
    where, columns, raw = options.get("where", Where()), options.get("columns"), options.get("raw", False)
    if kind.startswith("xes") and (table != "events" or columns):
        raise ConfigError("a XES file has events, with all their columns: pass --table events and no --columns")
    form = await _form_of(archive, form or where.form) if table == "records" else None
    await check_matches(archive.database, where)
    target = None if to == "-" else await asyncio.to_thread(resolve, to, archive.path)
    async with opened(target) as stream:
        if kind.startswith("xes"):
            return await _write_xes(archive, stream, where, compressed=kind == "xes.gz")
        chosen = chosen_columns(archive, table, form=form, where=where, columns=columns, raw=raw)
        if kind == "parquet":
            return await _write_parquet(stream, table, chosen)
        return await _write_text(stream, chosen, kind, raw=raw, bom=options.get("bom", False))


async def _write_text(stream: BinaryIO, chunks: AsyncGenerator[Columns], kind: Format, *, raw: bool, bom: bool) -> int:
    written = 0
    text = io.TextIOWrapper(stream, "utf-8", newline="")
    try:
        async with aclosing(chunks):
            if bom and kind == "csv":
                await asyncio.to_thread(text.write, _BOM)
            async for columns in chunks:
                chunk = as_rows(columns)
                if kind == "csv":
                    write = partial(write_csv, text, chunk, defused=not raw, header=written == 0)
                else:
                    write = partial(write_jsonl, text, chunk)
                await asyncio.to_thread(write)
                written += len(chunk[1])
    finally:
        await asyncio.to_thread(text.detach)
    return written


async def _write_parquet(stream: BinaryIO, table: str, chunks: AsyncGenerator[Columns]) -> int:
    try:
        from .parquet import write_parquet  # noqa: PLC0415  # an extra
    except ImportError:
        raise ConfigError("Parquet needs an extra: pip install 'workflowkit[parquet]'") from None
    return await write_parquet(stream, table, chunks)


async def _write_xes(archive: Archive, stream: BinaryIO, where: Where, *, compressed: bool) -> int:
    written = 0
    tenants = await count_tenants(archive.database)
    file: Any = stream
    if compressed:
        file = await asyncio.to_thread(gzip.GzipFile, "", "wb", 6, stream, mtime=0)

    def write(cases: Sequence[Case]) -> int:
        traces = [trace(case, many_tenants=tenants > 1) for case in cases]
        file.write("".join(text for text, _ in traces).encode("utf-8", "replace"))
        return sum(steps for _, steps in traces)

    async with aclosing(read_cases(archive.database, where)) as chunks:
        await asyncio.to_thread(file.write, HEADER.encode())
        async for cases in chunks:
            written += await asyncio.to_thread(write, cases)
        await asyncio.to_thread(file.write, FOOTER.encode())
    if compressed:
        await asyncio.to_thread(file.close)
    return written


async def _form_of(archive: Archive, form: str | None) -> str:
    """Return the form that is wanted, or the only one. Raises ConfigError, which lists those that are there."""
    forms = await archive.forms()
    if form is None and len(forms) == 1:
        return forms[0].form_id
    if form in {each.form_id for each in forms}:
        return str(form)
    if not forms:
        raise ConfigError("the archive has no records: a harvest of an app or a form stores them")
    there = ", ".join(f"{each.form_id} ({each.name or 'no name'})" for each in forms)
    wanted = (
        "the archive has records of several forms" if form is None else f"form {form!r}: there are no records of it"
    )
    raise ConfigError(f"{wanted}: pass --form with one of {there}")
