"""An archive's tables as files that other tools read."""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal, TextIO

from .errors import ConfigError, HarvestError
from .harvesting import Archive

Format = Literal["jsonl", "csv"]


def format_of(to: str, chosen: str | None = None) -> Format:
    """Return the format that is chosen, or that the file name's ending says; raises ConfigError."""
    name = chosen or Path(to).suffix.removeprefix(".").lower()
    if name == "jsonl":
        return "jsonl"
    if name == "csv":
        return "csv"
    raise ConfigError(f"{to!r}: name a file that ends in .jsonl or .csv, or pass --format")


async def export_to(archive: Archive, table: str, to: str, form: Format) -> int:
    """Write a table and return the number of its rows; ``-`` is stdout.

    A file appears under its name when it is complete, never in part. Raises ConfigError for an
    unknown table, HarvestError for a file that can't be written.
    """
    with _opened(to) as stream:
        writer = csv.writer(stream, lineterminator="\n")
        rows = 0
        async for names, chunk in archive.read(table):
            if form == "csv":
                writer.writerows([names, *chunk] if not rows else chunk)
            else:
                stream.writelines(_line(dict(zip(names, row, strict=True))) for row in chunk)
            rows += len(chunk)
    return rows


def _line(row: dict[str, Any]) -> str:
    return json.dumps(row, ensure_ascii=False) + "\n"


@contextmanager
def _opened(to: str) -> Iterator[TextIO]:
    if to == "-":
        yield sys.stdout
        sys.stdout.flush()
        return
    part = Path(f"{to}.part")
    try:
        descriptor = os.open(part, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as stream:
            yield stream
        part.replace(to)
    except OSError as error:
        raise HarvestError(f"{to}: can't be written ({error.strerror})") from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
