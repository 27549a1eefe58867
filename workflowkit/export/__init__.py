"""An archive's tables as files that other tools read."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import Literal, TextIO

from ..archive import Archive
from ..archive.database import Rows
from ..errors import ConfigError, HarvestError
from ..redact import redact_url
from .target import opened, resolve
from .text import without_secrets, write_csv, write_jsonl

Format = Literal["jsonl", "csv"]

_BOM = "\ufeff"
"""Tells Excel that a file is UTF-8."""


def format_of(to: str, chosen: str | None = None) -> Format:
    """Return the format that is chosen, or that the file name's ending says. Raises ConfigError."""
    name = chosen or Path(to).suffix.removeprefix(".").lower()
    if name == "jsonl":
        return "jsonl"
    if name == "csv":
        return "csv"
    raise ConfigError(f"{redact_url(to)!r}: name a file that ends in .jsonl or .csv, or pass --format")


async def table_of(archive: Archive) -> str:
    """Return the table that people expect where none is chosen: logs if there are any, else nodes, else instances.

    Raises ConfigError where there are both logs and nodes: one of them would be missed.
    """
    counts = await archive.counts()
    if counts.logs and counts.nodes:
        raise ConfigError("the archive has logs and nodes: pass --table, or --to FOLDER/ for all tables")
    return "logs" if counts.logs or not counts.done else "nodes" if counts.nodes else "instances"


async def export_all(
    archive: Archive, folder: str, kind: Format, *, raw: bool = False, bom: bool = False
) -> dict[str, int]:
    """Write each table that has rows to a file of its own in the folder. Return the number of rows of each file.

    Records have a file for each form. The folder is made if it isn't there. Options and errors are those of
    `export_to`.
    """
    counts = await archive.counts()
    forms = await archive.forms()
    steps = {"logs": counts.logs, "tasks": counts.tasks, "nodes": counts.nodes}
    rows = {"events": sum(steps.values()), **steps, "attachments": counts.attachments}
    tables = ["instances", *(table for table, number in rows.items() if number)]
    tables += ["forms", "fields"] if forms else []
    wanted: list[tuple[str, str, str | None]] = [(table, table, None) for table in tables]
    wanted += [(f"records-{form.form_id}", "records", form.form_id) for form in forms]
    try:
        await asyncio.to_thread(Path(folder).mkdir, mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise HarvestError(f"{folder}: can't be made ({error.strerror}); choose another place") from error
    return {
        f"{name}.{kind}": await export_to(
            archive, table, str(Path(folder) / f"{name}.{kind}"), kind, form=form, raw=raw, bom=bom
        )
        for name, table, form in wanted
    }


async def export_to(
    archive: Archive,
    table: str,
    to: str,
    kind: Format,
    *,
    form: str | None = None,
    raw: bool = False,
    bom: bool = False,
) -> int:
    """Write a table and return the number of its rows. ``-`` is stdout.

    A file appears under its name when it is complete, never in part. Raises ConfigError for an
    unknown table or form or the archive's own path, HarvestError for a file that can't be written.

    Args:
        archive: it must have been entered.
        table: one of the archive's, or ``records``: those of one form, with the labels of its fields as columns.
        to: the file. One that is there is replaced.
        kind: the file's format.
        form: the id of the form whose records are wanted. It may be left out where the archive has those of one only.
        raw: keep everything as it is stored: links with their signatures, the vendor's JSON, formulas.
        bom: begin a CSV file with a byte order mark, as Excel wants it.
    """
    source = archive.read(table) if table != "records" else archive.read_records(await _form_of(archive, form))
    target = None if to == "-" else await asyncio.to_thread(resolve, to, archive.path)
    rows = 0
    async with opened(target) as stream:
        if bom and kind == "csv":
            await asyncio.to_thread(stream.write, _BOM)
        async for names, chunk in source:
            write = partial(_write, table, kind, raw=raw, header=rows == 0)
            await asyncio.to_thread(write, stream, (names, chunk))
            rows += len(chunk)
    return rows


def _write(table: str, kind: Format, stream: TextIO, shown: Rows, *, raw: bool, header: bool) -> None:
    if not raw:
        shown = without_secrets(table, shown)
    if kind == "csv":
        write_csv(stream, shown, defused=not raw, header=header)
    else:
        write_jsonl(stream, shown)


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
