"""An archive's tables as files that other tools read."""

from __future__ import annotations

import asyncio
import csv
import json
import os
import stat
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Literal, TextIO

from .archive import Archive
from .errors import ConfigError, HarvestError
from .redact import escape, redact_url

Format = Literal["jsonl", "csv"]


def format_of(to: str, chosen: str | None = None) -> Format:
    """Return the format that is chosen, or that the file name's ending says. Raises ConfigError."""
    name = chosen or Path(to).suffix.removeprefix(".").lower()
    if name == "jsonl":
        return "jsonl"
    if name == "csv":
        return "csv"
    raise ConfigError(f"{redact_url(to)!r}: name a file that ends in .jsonl or .csv, or pass --format")


async def export_to(archive: Archive, table: str, to: str, form: Format) -> int:
    """Write a table and return the number of its rows. ``-`` is stdout.

    A file appears under its name when it is complete, never in part. Raises ConfigError for an
    unknown table or the archive's own path, HarvestError for a file that can't be written.
    """
    target = None if to == "-" else await asyncio.to_thread(_target, to, archive.path)
    write = _write_csv if form == "csv" else _write_jsonl
    rows = 0
    async with _opened(target) as stream:
        async for names, chunk in archive.read(table):
            await asyncio.to_thread(write, stream, names, chunk, first=rows == 0)
            rows += len(chunk)
    return rows


def _write_csv(stream: TextIO, names: Sequence[str], chunk: Sequence[Sequence[Any]], *, first: bool) -> None:
    writer = csv.writer(stream)
    if first:
        writer.writerow(names)
    writer.writerows(chunk)


def _write_jsonl(stream: TextIO, names: Sequence[str], chunk: Sequence[Sequence[Any]], *, first: bool) -> None:  # noqa: ARG001
    stream.writelines(
        escape(json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False)) + "\n" for row in chunk
    )


def _target(to: str, archive: Path) -> Path:
    """Return where links lead. The archive itself is refused."""
    target = Path(os.path.realpath(to))
    if target == Path(os.path.realpath(archive)):
        raise ConfigError(f"{to}: is the archive itself; name another file")
    return target


@asynccontextmanager
async def _opened(target: Path | None) -> AsyncIterator[TextIO]:
    if target is None:
        if sys.stdout is None:
            raise HarvestError("stdout is closed: name a file")
        try:
            yield sys.stdout
            sys.stdout.flush()
        except BrokenPipeError:  # whoever reads has had enough
            raise
        except OSError as error:
            raise HarvestError(f"can't write to stdout ({error.strerror})") from None
        return
    # A pipe or a device can only be written as it is. A file is replaced when the new one is complete.
    part: Path | None = None
    try:
        stream, part = await asyncio.to_thread(_create, target)
        try:
            yield stream
        finally:
            await asyncio.to_thread(stream.close)
        if part is not None:
            await asyncio.to_thread(part.replace, target)
            part = None
    except OSError as error:
        raise HarvestError(f"{target}: can't be written ({error.strerror}); choose another place") from error
    finally:
        if part is not None:
            with suppress(OSError):
                await asyncio.to_thread(part.unlink, missing_ok=True)


def _create(target: Path) -> tuple[TextIO, Path | None]:
    """Return the stream to write to, and the temporary file's path: None for a target that can't be replaced.

    The file beside the target has a name that nobody can know beforehand. It gets owner and rights of the file that
    it is to replace. A new one is its owner's only.
    """
    try:
        there = target.stat()
    except FileNotFoundError:
        there = None
    if there is not None and not stat.S_ISREG(there.st_mode):
        return os.fdopen(os.open(target, os.O_WRONLY), "w", encoding="utf-8", newline=""), None
    descriptor, name = tempfile.mkstemp(prefix=f"{target.name}.", suffix=".part", dir=target.parent)
    if there is not None:
        with suppress(OSError, AttributeError):  # not on Windows, and not for everybody
            os.fchown(descriptor, there.st_uid, there.st_gid)
        with suppress(OSError, AttributeError):
            os.fchmod(descriptor, stat.S_IMODE(there.st_mode))
    return os.fdopen(descriptor, "w", encoding="utf-8", newline=""), Path(name)
