"""The business content of instances: records of forms, with the names of the forms and the labels of their fields."""

from __future__ import annotations

import asyncio
import json
import math
import sys
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from operator import attrgetter
from typing import Any

import attrs

from ..source import Chunk
from .cases import FITS, Where
from .connection import Connection
from .database import Database, Rows
from .tables import FIELDS, FORMS, RECORDS, Table
from .values import adapt, adapt_row


def _upsert(table: Table) -> str:
    names = [column.name for column in table.columns]
    key, rest = names[: table.key], names[table.key :]
    return f"""
        INSERT INTO {table.name} ({", ".join(names)}) VALUES ({", ".join("?" * len(names))})
        ON CONFLICT ({", ".join(key)}) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in rest)}
    """


_STORED = (FORMS, FIELDS, RECORDS)
_UPSERT = {table.name: _upsert(table) for table in _STORED}
_VALUES = {table.name: attrgetter(*(column.name for column in table.columns[2:])) for table in _STORED}

_OF_INSTANCES = """
    FROM records JOIN instances ON instances.system = records.system AND instances.tenant = records.tenant
        AND instances.id = records.instance_id
"""
_FORMS = f"""
    SELECT instances.form_id, max(instances.form_name), count(*) {_OF_INSTANCES}
    WHERE instances.form_id IS NOT NULL GROUP BY instances.form_id ORDER BY 2, 1
"""
_FIELDS = "SELECT name, max(label) FROM fields WHERE form_id = ? GROUP BY name ORDER BY min(position), name"
_RECORDS = f"""
    SELECT records.instance_id, instances.status, records.creator, records.create_time, records.update_time, records.raw
    {_OF_INSTANCES}
    WHERE instances.form_id = ? AND {FITS} ORDER BY records.system, records.tenant, records.instance_id
"""
_COLUMNS = ("instance_id", "status", "creator", "create_time", "update_time")
_OTHER = "other"
_SYSTEM_FIELDS = frozenset(
    {"_id", "appId", "entryId", "creator", "updater", "deleter", "createTime", "updateTime", "deleteTime"}
    | {"flowState", "ext", "formName"}
)
"""What every record has, beside the fields of its form."""


@attrs.frozen
class FormCount:
    """A form, and how many records of it an archive has. `name` is None where it isn't known."""

    form_id: str
    name: str | None
    records: int


def store_content(connection: Connection, key: tuple[str, str], chunk: Chunk) -> None:
    """Store the forms, fields and records that a listing has brought, in place of what it brought before."""
    for table, rows in (("forms", chunk.forms), ("fields", chunk.fields), ("records", chunk.records)):
        values = [(*key, *adapt_row(_VALUES[table](row))) for row in rows]
        connection.executemany(_UPSERT[table], values)


async def count_forms(database: Database) -> list[FormCount]:
    """Return the forms that an archive has records of, by name."""
    return [FormCount(*row) for row in await database.select(_FORMS)]


async def read_records(database: Database, form_id: str, where: Where) -> AsyncGenerator[Rows]:
    """Yield a form's records of the chosen instances in chunks, at least one, each with the names of its columns.

    Those are the labels of the fields. A value is as the vendor's JSON has it. Fields without a label are together in
    the last column.
    """
    found = await database.select(_FIELDS, form_id)
    subforms = {name for name, _ in found}
    fields = [(name, label) for name, label in found if name.rpartition(".")[0] not in subforms]
    columns = (*_COLUMNS, *_labels(fields), _OTHER)
    names = [name for name, _ in fields]
    async with aclosing(database.read(_RECORDS, form_id, *where.parameters)) as chunks:
        async for _, rows in chunks:
            yield columns, await asyncio.to_thread(_records, rows, names)


def _labels(fields: Sequence[tuple[str, str | None]]) -> Iterator[str]:
    """Yield a name for each column. One that is there already is followed by the field's own name."""
    taken = {*_COLUMNS, _OTHER}
    for name, label in fields:
        column = label or name
        while column in taken:
            column = f"{column} ({name})"
        taken.add(column)
        yield column


def _records(rows: Sequence[Sequence[Any]], names: Sequence[str]) -> list[tuple[Any, ...]]:
    """Return records with a value for each of the names, and a dict of all others."""
    known = _SYSTEM_FIELDS.union(names)
    found: list[tuple[Any, ...]] = []
    for *facts, raw in rows:
        values = _parse(raw)
        other = {name: value for name, value in values.items() if name not in known}
        found.append((*facts, *(values.get(name) for name in names), other or None))
    return found


def _parse(raw: str) -> dict[str, Any]:
    """Return a record's values: null for what JSON doesn't have, such as NaN, and text for the longest numbers."""
    try:
        values: dict[str, Any] = json.loads(raw, parse_constant=lambda _: None, parse_float=_to_number)
    except (ValueError, RecursionError):  # nested too deeply, or a number of thousands of digits
        return {"unreadable": "this record can't be parsed: see `raw` in the archive"}
    return _clean(values) if "\\u" in raw else values


def _to_number(text: str) -> float | str:
    """Return a number, or its text if a float doesn't have all its digits."""
    number = float(text)
    return number if math.isfinite(number) and len(text) <= sys.float_info.dig + 1 else text


def _clean(value: Any) -> Any:
    """Return parsed JSON without the characters that no file can hold, such as half an emoji."""
    match value:
        case str():
            return adapt(value)
        case list():
            return [_clean(each) for each in value]
        case dict():
            return {_clean(name): _clean(each) for name, each in value.items()}
    return value
