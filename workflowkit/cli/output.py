"""What people and programs get to see."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Any

import click

from ..errors import HarvestError
from ..redact import cut, escape, unsigned

if TYPE_CHECKING:
    from rich.table import Table

_SHORT = frozenset(
    ("outcome", "finished", "started", "took", "after", "files", "number", "decided", "instance", "status", "trigger")
) | {"timeline"}
"""The columns that are never broken, however narrow the terminal."""

_READABLE = 8
"""The fewest characters of any other column that are worth showing."""

_MINUTE = 60.0

_LONGEST = 100_000
"""Characters that are told to a person at a time: some lists are long."""

_UNBROKEN = 10_000
"""Characters in a line where no terminal sets the width: a pipe gets every row in one line."""


def megabytes(size: int) -> str:
    """Return a number of bytes, for people."""
    return f"{size / 1_000_000:,.1f} MB"


def write(text: str) -> None:
    """Write data to stdout. Raises HarvestError where it can't be written, so that no script continues without it."""
    if sys.stdout is None:
        raise HarvestError("stdout is closed: there is nowhere to write to")
    try:
        click.echo(text)
    except BrokenPipeError:  # whoever reads has had enough, which click knows how to take
        raise
    except OSError as error:
        with suppress(OSError, ValueError):  # what is still to be flushed goes nowhere
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise HarvestError(f"can't write to stdout ({error.strerror})") from None


def printable(text: str, most: int = 2000) -> str:
    """Return a text that a terminal only shows.

    What would control it is replaced, what is too long is cut, and signed links lose their query.
    """
    shown = cut(unsigned(text), most)
    return "".join(character if character.isprintable() or character == "\n" else "\ufffd" for character in shown)


def print_json(value: Any) -> None:
    """Print one line of JSON. What isn't printable is escaped, and so means the same."""
    write(escape(json.dumps(value, ensure_ascii=False)))


def print_table(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    spare: Sequence[str] = (),
    err: bool = False,
    zone: tzinfo | None = None,
) -> None:
    """Print a table. On a terminal that is too narrow, without as many of the columns to spare as need be.

    Times are shown in the zone, None is the local one. Their offset is in the column's header, or in each cell if
    they have different ones. NO_COLOR is honoured.
    """
    from rich.console import Console
    from rich.text import Text

    heading = Text(title, style="italic")
    values = [[_localized(value, zone) for value in row] for row in rows]
    offsets = [name and _offset([row[number] for row in values]) for number, name in enumerate(columns)]
    cells = [[_cell(value, offsets[number]) for number, value in enumerate(row)] for row in values]
    headers = [f"{column} ({offset})" if offset else column for column, offset in zip(columns, offsets, strict=True)]
    shown_as = dict(zip(columns, headers, strict=True))
    spare = [shown_as[column] for column in spare]
    columns = headers
    console = Console(stderr=err)
    if console.is_terminal:
        left_out = (spare[:number] for number in range(len(spare)))
        without = next((names for names in left_out if _least(columns, cells, names) <= console.width), spare)
        console.print(heading, _table(columns, cells, without), sep="\n")
        return
    table = _table(columns, cells)
    console.width = _UNBROKEN
    with console.capture() as captured:
        console.print(heading, table, sep="\n")
    text = "\n".join(line.rstrip() for line in captured.get().splitlines())
    if err:
        say(text)
    else:
        write(text)


def _least(columns: Sequence[str], rows: Sequence[Sequence[str]], without: Sequence[str]) -> int:
    """Return the fewest characters in which a table without some columns can be read."""
    total = 1
    for number, column in enumerate(columns):
        if column not in without:
            width = _width(columns, rows, number)
            total += 2 + (width if _is_short(column) else min(width, _READABLE))
    return total


def _is_short(column: str) -> bool:
    return column.partition(" (")[0] in _SHORT


def _width(columns: Sequence[str], rows: Sequence[Sequence[str]], number: int) -> int:
    """Return the widest a column's header or cells are."""
    from rich.cells import cell_len

    return max(map(cell_len, (columns[number], *(row[number] for row in rows))))


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]], without: Sequence[str] = ()) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(show_header=any(columns), padding=(0, 1, 0, 0), header_style="bold", box=SIMPLE_HEAD)
    shown = [number for number, column in enumerate(columns) if column not in without]
    for number in shown:
        short = _is_short(columns[number])
        least = None if short else min(_READABLE, _width(columns, rows, number))
        table.add_column(columns[number], overflow="fold", no_wrap=short, min_width=least)
    for row in rows:
        table.add_row(*(Text(row[number]) for number in shown))  # Text: what people wrote is never markup
    return table


def count_of(number: int, noun: str) -> str:
    """Return ``1 instance`` or ``2,000 instances``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def duration(seconds: float) -> str:
    """Return ``45 s``, ``9 min``, ``9.3 hours`` or ``3.9 days``."""
    for least, unit, name in ((2 * 86_400, 86_400, "days"), (2 * 3600, 3600, "hours"), (120, 60, "min")):
        if seconds >= least:
            return f"{seconds / unit:.3g} {name}"
    return f"{seconds:.0f} s"


def say(text: str) -> None:
    """Tell the person at the terminal something, if there is one."""
    with suppress(OSError, ValueError):
        click.echo(printable(text, _LONGEST), err=True)


def show_time(time: datetime | str, zone: tzinfo | None = None) -> str:
    """Return a time, or a stored one, with its offset, to a minute. It is shown in the zone, None is the local one."""
    return _cell(_localized(datetime.fromisoformat(time) if isinstance(time, str) else time, zone))


def _localized(value: Any, zone: tzinfo | None) -> Any:
    return value.astimezone(zone) if isinstance(value, datetime) else value


def _offset(values: Sequence[Any]) -> str:
    """Return the offset that all times among the values have, if there are any and they have one."""
    from ..report.wording import offset_of

    offsets = {offset_of(value) for value in values if isinstance(value, datetime)}
    return offsets.pop() if len(offsets) == 1 else ""


def _cell(value: Any, offset: str = "") -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        from ..report.wording import offset_of

        return f"{value:%Y-%m-%d %H:%M}" + ("" if offset else f" {offset_of(value)}")
    if isinstance(value, timedelta):
        seconds = value.total_seconds()
        return f"{seconds:.3g} s" if abs(seconds) < _MINUTE else str(timedelta(seconds=round(seconds)))
    return printable(str(value))
