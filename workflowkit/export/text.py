"""Rows as CSV and JSON Lines.

Files are made to be mailed. So links are without their signature, and the vendor's JSON, which has it too, is left
out. In CSV a text that a spreadsheet would run as a formula is put behind an apostrophe.
"""

from __future__ import annotations

import csv
import json
import re
from typing import Any, TextIO

from ..archive.database import Rows
from ..redact import escape

_SIGNED = {"logs": "signature_url", "attachments": "url", "links": "url", "files": "url"}
"""The column of each table that has signed links."""

_SIGNED_LINK = re.compile(r"(https?://[^\s?]+)\?\S*\btoken=\S*")
_FORMULA = frozenset("=+-@\t\r")
_NUMBER = re.compile(r"[+-]?\d[\d.,]*%?")


def without_secrets(table: str, shown: Rows) -> Rows:
    """Return a table's rows without the vendor's JSON, and without the signatures of links."""
    names, rows = shown
    if table == "records":
        return names, [tuple(map(_unsigned, row)) for row in rows]
    kept = [number for number, name in enumerate(names) if name != "raw"]
    signed = [number for number in kept if names[number] == _SIGNED.get(table)]
    for number in signed:
        rows = [(*row[:number], row[number] and row[number].partition("?")[0], *row[number + 1 :]) for row in rows]
    return tuple(names[number] for number in kept), [tuple(row[number] for number in kept) for row in rows]


def _unsigned(value: Any) -> Any:
    match value:
        case str():
            link = _SIGNED_LINK.fullmatch(value)
            return link[1] if link else value
        case list():
            return [_unsigned(each) for each in value]
        case dict():
            return {name: _unsigned(each) for name, each in value.items()}
    return value


def write_csv(stream: TextIO, shown: Rows, *, defused: bool, header: bool) -> None:
    """Write rows, and before them the names of their columns if wanted."""
    names, rows = shown
    writer = csv.writer(stream)
    defuse = _defuse if defused else str
    for row in [names, *rows] if header else rows:
        writer.writerow([defuse(_text(value)) if isinstance(value, (str, list, dict)) else value for value in row])


def _text(value: Any) -> str:
    """Return a value as the text of a cell: of people and files the names, of what else has parts its JSON."""
    if isinstance(value, str):
        return value
    parts = value if isinstance(value, list) else [value]
    found = [part.get("name") if isinstance(part, dict) else part for part in parts]
    texts = [text for text in found if isinstance(text, str)]
    return "; ".join(texts) if len(texts) == len(parts) else json.dumps(value, ensure_ascii=False)


def _defuse(text: str) -> str:
    return f"'{text}" if text[:1] in _FORMULA and not _NUMBER.fullmatch(text) else text


def write_jsonl(stream: TextIO, shown: Rows) -> None:
    """Write each row as an object."""
    names, rows = shown
    stream.writelines(escape(json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False)) + "\n" for row in rows)
