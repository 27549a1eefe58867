"""Rows as a Parquet file, in flat memory. It needs the ``parquet`` extra."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any, BinaryIO, cast

from arro3 import core, io

from ..archive.arrow import batch_of, schema_of
from ..archive.database import Rows

_BATCH = 20_000
"""Rows that are in memory at a time, as Arrow has them: a row group of the file."""


async def write_parquet(stream: BinaryIO, table: str, chunks: AsyncIterator[Rows]) -> int:
    """Write all rows of a table, and return their number.

    The library pulls the rows, so it works in a thread, and the rows are read on an event loop of that thread.
    """
    trial = _Trial(stream)
    try:
        return await asyncio.to_thread(_write, trial, table, chunks)
    finally:
        trial.stopped = True


class _Trial:
    """The file that the library writes to, and what went wrong meanwhile.

    The library ends the process's thread at an exception out of its file or its rows. So it doesn't get to see any: it
    is told that all is well, gets no more rows, and the exception is raised when it has returned.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.error: BaseException | None = None
        self.stopped = False

    def write(self, data: bytes) -> int:
        """Write some bytes, unless something went wrong before."""
        if self.error is None:
            try:
                self._stream.write(data)
            except Exception as error:
                self.error = error
        return len(data)

    def flush(self) -> None:
        """Do nothing: the file is flushed when it is closed."""

    def seek(self, *_: int) -> int:
        """Raise: a file has this method, or the library doesn't take it, but a Parquet file is written in one go."""
        raise NotImplementedError


def _write(trial: _Trial, table: str, chunks: AsyncIterator[Rows]) -> int:
    written = 0
    with asyncio.Runner() as runner:

        async def pull() -> Rows | None:
            return await anext(chunks, None)

        def batches(rows: list[tuple[Any, ...]]) -> Iterator[core.RecordBatch]:
            """Yield all rows, many at a time. The first ones are given."""
            nonlocal written
            try:
                while (chunk := runner.run(pull())) is not None and not trial.stopped and trial.error is None:
                    rows += chunk[1]
                    if len(rows) >= _BATCH:
                        yield batch_of(table, schema, rows)
                        written += len(rows)
                        rows = []
                yield batch_of(table, schema, rows)
                written += len(rows)
            except Exception as error:
                trial.error = error

        names, first = runner.run(pull()) or ((), [])
        schema = schema_of(table, names)
        reader = core.RecordBatchReader.from_batches(schema, batches(list(first)))
        io.write_parquet(reader, cast("BinaryIO", trial), compression="zstd(1)", max_row_group_size=_BATCH)
    if trial.error is not None:
        raise trial.error
    return written
