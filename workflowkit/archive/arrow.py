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
from .eventlog import STANDARD
from .tables import TABLES, Type

_TIME = core.DataType.timestamp("us", tz="UTC")
_TYPES = {column.name: column.type for table in TABLES for column in table.columns}
_TYPES |= {standard: _TYPES.get(name, Type.TEXT) for standard, name in STANDARD.items()}


def schema_of(names: Sequence[str]) -> core.Schema:
    """Return the types of columns, by their names."""
    types = {
        Type.INTEGER: core.DataType.int64(),
        Type.BOOLEAN: core.DataType.bool(),
        Type.TIME: _TIME,
    }
    text = core.DataType.string()
    return core.Schema([core.Field(name, types.get(_TYPES.get(name, Type.TEXT), text)) for name in names])


def batch_of(schema: core.Schema, rows: Sequence[Sequence[Any]]) -> core.RecordBatch:
    """Return rows as a batch of the schema."""
    columns = zip(*rows, strict=True) if rows else [()] * len(schema.names)
    arrays = [_array(name, values) for name, values in zip(schema.names, columns, strict=True)]
    return core.RecordBatch.from_arrays(arrays, schema=schema)


def _array(name: str, values: Sequence[Any]) -> core.Array:
    kind = _TYPES.get(name, Type.TEXT)
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


async def as_arrow(chunks: AsyncIterator[Rows]) -> core.Table:
    """Return all rows as a table."""
    batches: list[core.RecordBatch] = []
    schema: core.Schema | None = None
    async for names, rows in chunks:
        schema = schema or schema_of(names)
        batches.append(await asyncio.to_thread(batch_of, schema, rows))
    return core.Table.from_batches(batches, schema=schema)
