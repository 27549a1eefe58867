"""Rows as a Parquet file, in flat memory. It needs the ``parquet`` extra."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any, BinaryIO

from arro3 import core, io

from ..archive.arrow import batch_of, schema_of
from ..archive.database import Rows

_BATCH = 20_000
"""Rows that are in memory at a time, as Arrow has them: a row group of the file."""


async def write_parquet(stream: BinaryIO, chunks: AsyncIterator[Rows]) -> int:
    """Write all rows, and return their number.

    The library pulls the rows, so it works in a thread, and the rows are read on an event loop of that thread.
    """
    stopped = threading.Event()
    try:
        return await asyncio.to_thread(_write, stream, chunks, stopped)
    finally:
        stopped.set()


def _write(stream: BinaryIO, chunks: AsyncIterator[Rows], stopped: threading.Event) -> int:
    written = 0
    with asyncio.Runner() as runner:

        async def pull() -> Rows | None:
            return await anext(chunks, None)

        def grouped(rows: list[tuple[Any, ...]]) -> Iterator[Sequence[tuple[Any, ...]]]:
            """Yield all rows, many at a time. The first ones are given."""
            while (chunk := runner.run(pull())) is not None and not stopped.is_set():
                rows += chunk[1]
                if len(rows) >= _BATCH:
                    yield rows
                    rows = []
            yield rows

        def batches(first: list[tuple[Any, ...]]) -> Iterator[core.RecordBatch]:
            nonlocal written
            for rows in grouped(first):
                written += len(rows)
                yield batch_of(schema, rows)

        first = runner.run(pull())
        if first is None:
            raise AssertionError("every table has a first chunk")
        schema = schema_of(first[0])
        reader = core.RecordBatchReader.from_batches(schema, batches(list(first[1])))
        io.write_parquet(reader, stream, compression="zstd(1)", max_row_group_size=_BATCH)
    return written
