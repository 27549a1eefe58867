"""Rows as Arrow, for data frames and Parquet files. It needs the ``parquet`` extra.

Plain types: text, whole numbers, booleans, and times as microseconds in UTC. Dictionary types would turn into
categoricals, and nanoseconds can't be read everywhere.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

from arro3 import core

from .database import Rows
from .eventlog import STANDARD, Columns, as_columns
from .tables import TABLES, Type

_TIME = core.DataType.timestamp("us", tz="UTC")

_TYPES: dict[str, dict[str, Type]] = {
    table.name: {column.name: column.type for column in table.columns} for table in TABLES
}
_TYPES["attachments"] = _TYPES["files"] | _TYPES["links"]
_EVENT = {"position": Type.INTEGER, "flow_id": Type.INTEGER, "start_time": Type.TIME, "end_time": Type.TIME}
_TYPES["events"] = _EVENT | {standard: _EVENT[name] for standard, name in STANDARD.items() if name in _EVENT}
_TYPES["records"] = dict.fromkeys(("create_time", "update_time"), Type.TIME)
"""The columns that aren't text. Of records, what people filled in is text, whatever its label is."""


def schema_of(table: str, names: Sequence[str]) -> core.Schema:
    """Return the types of a table's columns."""
    return core.Schema([core.Field(name, _data_type(_TYPES[table].get(name, Type.TEXT))) for name in names])


def _data_type(kind: Type) -> core.DataType:
    match kind:
        case Type.INTEGER:
            return core.DataType.int64()
        case Type.BOOLEAN:
            return core.DataType.bool()
        case Type.TIME:
            return _TIME
    return core.DataType.string()


def batch_of(table: str, schema: core.Schema, columns: Columns) -> core.RecordBatch:
    """Return columns of a table as a batch of the schema."""
    types = _TYPES[table]
    arrays = [_array(types.get(name, Type.TEXT), values) for name, values in columns.items()]
    return core.RecordBatch.from_arrays(arrays, schema=schema)


def _array(kind: Type, values: Sequence[Any]) -> core.Array:
    if kind is Type.INTEGER:
        return core.Array(values, type=core.DataType.int64())
    if kind is Type.BOOLEAN:
        return core.Array([value if value is None else bool(value) for value in values], type=core.DataType.bool())
    try:
        texts = core.Array(values, type=core.DataType.string())
    except TypeError:  # what people filled in has lists and numbers, too
        texts = core.Array(list(map(_text, values)), type=core.DataType.string())
    return texts.cast(_TIME) if kind is Type.TIME else texts


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)


async def as_arrow(table: str, chunks: AsyncIterator[Rows]) -> core.Table:
    """Return all rows of a table."""
    batches: list[core.RecordBatch] = []
    schema: core.Schema | None = None
    async for names, rows in chunks:
        schema = schema or schema_of(table, names)
        batches.append(await asyncio.to_thread(batch_of, table, schema, as_columns(names, rows)))
    return core.Table.from_batches(batches, schema=schema)
