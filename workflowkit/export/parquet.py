"""Rows as a Parquet file, in flat memory. It needs the ``parquet`` extra."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from typing import BinaryIO, cast

from arro3 import core, io

from ..archive.arrow import batch_of, schema_of
from ..archive.eventlog import Columns

_ROW_GROUP = 50_000
"""Rows of a group: the library keeps one in memory."""


async def write_parquet(stream: BinaryIO, table: str, chunks: AsyncGenerator[Columns]) -> int:
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


def _write(trial: _Trial, table: str, chunks: AsyncGenerator[Columns]) -> int:
    written = 0
    with asyncio.Runner() as runner:

        async def pull() -> Columns | None:
            return await anext(chunks, None)

        def batches(columns: Columns | None) -> Iterator[core.RecordBatch]:
            """Yield all rows. The first ones are given."""
            nonlocal written
            try:
                while columns is not None and not trial.stopped and trial.error is None:
                    batch = batch_of(table, schema, columns)
                    yield batch
                    written += batch.num_rows
                    columns = runner.run(pull())
            except Exception as error:
                trial.error = error

        try:
            first = runner.run(pull()) or {}
            schema = schema_of(table, list(first))
            reader = core.RecordBatchReader.from_batches(schema, batches(first))
            io.write_parquet(reader, cast("BinaryIO", trial), compression="zstd(1)", max_row_group_size=_ROW_GROUP)
        finally:
            runner.run(chunks.aclose())
    if trial.error is not None:
        raise trial.error
    return written
