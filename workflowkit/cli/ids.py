"""Instance ids from a file or a pipe: one a line, as spreadsheets and shells write them."""

from __future__ import annotations

import asyncio
import os
import stat
import sys
import threading
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from ..arguments import check_id
from ..errors import ConfigError, InvalidRequest

_BOM = b"\xef\xbb\xbf"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_AHEAD = 1000
_LONGEST_LINE = 10_000
"""Bytes. A file without an end of line is no list of ids."""


def open_ids(name: str) -> Iterable[str] | AsyncIterable[str]:
    """Return the ids in the file, or from stdin for ``-``. A file is checked to its end first.

    Blank lines, a byte order mark and either kind of line end are fine. Raises ConfigError naming
    the line that can't be an id.
    """
    if name == "-":
        if sys.stdin is None:
            raise ConfigError("stdin is closed: name a file of ids")
        is_file = stat.S_ISREG(os.fstat(sys.stdin.fileno()).st_mode)
        return _parse(sys.stdin.buffer, "stdin") if is_file else _piped()
    path = Path(name)
    for _ in _from_file(path):
        pass
    return _from_file(path)


def _from_file(path: Path) -> Iterator[str]:
    try:
        with path.open("rb") as file:
            yield from _parse(file, str(path))
    except OSError as error:
        raise ConfigError(f"{path}: can't be read ({error.strerror})") from None


def _parse(file: BinaryIO, name: str) -> Iterator[str]:
    for number, line in enumerate(iter(lambda: file.readline(_LONGEST_LINE), b""), 1):
        if len(line) == _LONGEST_LINE:
            raise ConfigError(f"{name}, line {number}: is longer than any id; put one on each line")
        if number == 1 and line.startswith(_UTF16):
            raise ConfigError(f"{name}: is UTF-16; save it as UTF-8")
        text = line.removeprefix(_BOM).strip().decode("utf-8", "replace")
        if not text:
            continue
        try:
            check_id("id", text)
        except InvalidRequest:
            problem = f"{name}, line {number}: {text[:80]!r} can't be an id"
            raise ConfigError(f"{problem}; put one on each line, such as 659cba93489a49c06f7d4281") from None
        yield text


async def _piped() -> AsyncIterator[str]:
    """Read a pipe in a thread that nobody has to wait for: its other end may never close."""
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[str | Exception | None] = asyncio.Queue(_AHEAD)

    def put(item: str | Exception | None) -> None:
        asyncio.run_coroutine_threadsafe(queue.put(item), loop).result()

    def read() -> None:
        try:
            for instance_id in _parse(sys.stdin.buffer, "stdin"):
                put(instance_id)
            put(None)
        except Exception as error:
            if not loop.is_closed():
                put(error)

    threading.Thread(target=read, daemon=True).start()
    while (item := await queue.get()) is not None:
        if isinstance(item, Exception):
            raise item
        yield item
