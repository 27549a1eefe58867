"""What people and programs get to see."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import click

_SHORT = {"action", "finished (UTC)", "started (UTC)", "took", "files", "number", "approvals", "instance", "status"}
"""The columns that are never broken, however narrow the terminal."""

_MINUTE = 60.0

_UNBROKEN = 10_000
"""Characters in a line where no terminal sets the width: a pipe gets every row in one line."""


def print_json(value: Any) -> None:
    """Print one line of JSON."""
    click.echo(json.dumps(value, ensure_ascii=False))


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], *, err: bool = False) -> None:
    """Print a table, as wide as the terminal at most; NO_COLOR is honoured."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", header_style="bold", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column in _SHORT)
    for row in rows:
        table.add_row(*(Text(_cell(value)) for value in row))  # Text: what people wrote is never markup
    console = Console(stderr=err)
    if console.is_terminal:
        console.print(table)
        return
    console.width = _UNBROKEN
    with console.capture() as captured:
        console.print(table)
    click.echo("\n".join(line.rstrip() for line in captured.get().splitlines()), err=err)


def say(text: str) -> None:
    """Tell the person at the terminal something."""
    click.echo(text, err=True)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M")
    if isinstance(value, timedelta):
        seconds = value.total_seconds()
        return f"{seconds:.3g} s" if abs(seconds) < _MINUTE else str(timedelta(seconds=round(seconds)))
    return "".join(character if character.isprintable() or character == "\n" else "\ufffd" for character in str(value))
