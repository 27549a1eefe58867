"""Rows as CSV and JSON Lines.

Files are made to be mailed. So links are without their signature, and the vendor's JSON, which has it too, is left
out. In CSV a text that a spreadsheet would run as a formula is put behind an apostrophe.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Sequence
from types import NoneType
from typing import Any, TextIO

from ..archive.database import Rows
from ..archive.eventlog import Columns
from ..redact import escape, unsigned

_SIGNED = {"logs": "signature_url", "attachments": "url", "links": "url", "files": "url"}
"""The column of each table that has signed links."""

_FILE = frozenset({"name", "size", "mime", "url"})
_PERSON = frozenset({"_id", "username", "name", "departments", "type", "status", "integrate_id"})
_DEPARTMENT = frozenset({"_id", "dept_no", "name", "parent_no", "type", "status", "seq"})
_NAMED = (_FILE, _PERSON, _DEPARTMENT)
"""The keys of what a cell shows by its name."""

_PLAIN = frozenset(
    {"system", "tenant", "id", "instance_id", "position", "create_time", "finish_time", "start_time", "end_time"}
    | {"case:concept:name", "concept:instance", "start_timestamp", "time:timestamp", "lifecycle:transition", "origin"}
)
"""Columns of ids, times and our own words: no link is in them."""

_NUMBERS = {int, float, bool, NoneType}
_TEXTS = {str, NoneType}

_FORMULA = frozenset("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
_NUMBER = re.compile(r"[+-]?\d[\d.,]*%?")


def without_secrets(table: str, columns: Columns) -> Columns:
    """Return a table's columns without the vendor's JSON, and without the signatures of links."""
    if table == "records":  # whose columns are named by people
        return {name: _unsigned_column(column) for name, column in columns.items()}
    signed = _SIGNED.get(table)
    return {
        name: column if name in _PLAIN else _without_query(column) if name == signed else _unsigned_column(column)
        for name, column in columns.items()
        if name != "raw"
    }


def _without_query(column: Sequence[Any]) -> Sequence[Any]:
    return [value and value.partition("?")[0] for value in column]


def _unsigned_column(column: Sequence[Any]) -> Sequence[Any]:
    """Return values without signatures. Almost all columns have none, which one look at all of their text shows."""
    kinds = set(map(type, column))
    if kinds <= _NUMBERS or (kinds <= _TEXTS and "?" not in "".join(filter(None, column))):
        return column
    return [_unsigned(value) for value in column]


def _unsigned(value: Any, *, is_link: bool = False) -> Any:
    match value:
        case str():
            return value.partition("?")[0] if is_link else unsigned(value)
        case list():
            return [_unsigned(each) for each in value]
        case dict():
            is_file = "url" in value and value.keys() <= _FILE
            return {name: _unsigned(each, is_link=is_file and name == "url") for name, each in value.items()}
    return value


def write_csv(stream: TextIO, shown: Rows, *, defused: bool, header: bool) -> None:
    """Write rows, and before them the names of their columns if wanted."""
    names, rows = shown
    writer = csv.writer(stream)
    for row in [names, *rows] if header else rows:
        writer.writerow(
            value
            if value is None or (type(value) is str and value[:1] not in _FORMULA)
            else _cell(value, defused=defused)
            for value in row
        )


def _cell(value: Any, *, defused: bool) -> Any:
    """Return a value as a cell: of people and files the names, of what else has parts its JSON."""
    if isinstance(value, (list, dict)):
        parts = value if isinstance(value, list) else [value]
        names = [part["name"] if _is_named(part) else part for part in parts]
        texts = [name for name in names if isinstance(name, str)]
        value = "; ".join(texts) if len(texts) == len(parts) else json.dumps(value, ensure_ascii=False)
    is_formula = isinstance(value, str) and value[:1] in _FORMULA and not _NUMBER.fullmatch(value)
    return f"'{value}" if defused and is_formula else value


def _is_named(part: Any) -> bool:
    is_known = isinstance(part, dict) and not part.keys().isdisjoint(("url", "mime", "username", "dept_no"))
    return is_known and "name" in part and any(part.keys() <= keys for keys in _NAMED)


def write_jsonl(stream: TextIO, shown: Rows) -> None:
    """Write each row as an object."""
    names, rows = shown
    stream.writelines(escape(json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False)) + "\n" for row in rows)
