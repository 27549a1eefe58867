"""An archive's tables as files that other tools read."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import Literal, TextIO

from ..archive import Archive
from ..archive.database import Rows
from ..errors import ConfigError
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
