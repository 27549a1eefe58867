"""The business content of instances: records of forms, with the names of the forms and the labels of their fields."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from operator import attrgetter
from typing import Any

import attrs

from ..source import Chunk
from .connection import Connection
from .database import Database, Rows
from .tables import FIELDS, FORMS, RECORDS, Table
from .values import adapt_row


def _upsert(table: Table) -> str:
    names = [column.name for column in table.columns]
    key, rest = names[: table.key], names[table.key :]
    return f"""
        INSERT INTO {table.name} ({", ".join(names)}) VALUES ({", ".join("?" * len(names))})
        ON CONFLICT ({", ".join(key)}) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in rest)}
    """


_UPSERT = {table.name: _upsert(table) for table in (FORMS, FIELDS, RECORDS)}
_VALUES = {table.name: attrgetter(*(column.name for column in table.columns[2:])) for table in (FORMS, FIELDS, RECORDS)}

_FORMS = """
    SELECT records.form_id, max(forms.name), count(*)
    FROM records LEFT JOIN forms ON forms.system = records.system AND forms.tenant = records.tenant
        AND forms.app_id = records.app_id AND forms.form_id = records.form_id
    WHERE records.form_id IS NOT NULL
    GROUP BY records.form_id ORDER BY 2, 1
"""
_FIELDS = "SELECT name, label FROM fields WHERE form_id = ? ORDER BY position, name"
_RECORDS = """
    SELECT records.instance_id, instances.status, records.creator, records.create_time, records.update_time, records.raw
    FROM records JOIN instances ON instances.system = records.system AND instances.tenant = records.tenant
        AND instances.id = records.instance_id
    WHERE records.form_id = ? ORDER BY records.system, records.tenant, records.instance_id
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


async def read_records(database: Database, form_id: str) -> AsyncGenerator[Rows]:
    """Yield a form's records in chunks, at least one, each with the names of its columns: the labels of the fields.

    A value is as the vendor's JSON has it. Fields without a label are together in the last column.
    """
    fields = [(name, label) for name, label in await database.select(_FIELDS, form_id) if "." not in name]
    columns = (*_COLUMNS, *_labels(fields), _OTHER)
    names = [name for name, _ in fields]
    async with aclosing(database.read(_RECORDS, form_id)) as chunks:
        async for _, rows in chunks:
            yield columns, [_record(row, names) for row in rows]


def _labels(fields: Sequence[tuple[str, str | None]]) -> Iterator[str]:
    """Yield a name for each column. One that is there already is followed by the field's own name."""
    taken = {*_COLUMNS, _OTHER}
    for name, label in fields:
        column = label or name
        if column in taken:
            column = f"{column} ({name})"
        taken.add(column)
        yield column


def _record(row: Sequence[Any], names: Sequence[str]) -> tuple[Any, ...]:
    *known, raw = row
    values = json.loads(raw)
    other = {name: value for name, value in values.items() if name not in _SYSTEM_FIELDS and name not in names}
    return (*known, *(values.get(name) for name in names), other or None)
