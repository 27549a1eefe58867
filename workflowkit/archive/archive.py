"""The archive: the only truth of a harvest."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import attrs

from ..errors import ConfigError, HarvestError
from ..redact import redact_url
from . import checks, inventory, overview
from .cases import Where
from .checks import Problem
from .connection import Connection
from .content import FormCount, count_forms, read_records
from .database import Database, Rows
from .eventlog import Event, as_rows, read_event_log, read_events
from .inventory import File, FileCounts
from .overview import LastRun, StatusCount
from .reading import read_table
from .tables import TABLE_OF

if TYPE_CHECKING:
    from arro3 import core

_MOST = 2**62
"""Rows of a list without a limit."""

_FAILURES = (
    "SELECT system, tenant, id, error FROM instances WHERE state = 'failed' ORDER BY harvested_at, 1, 2, 3 LIMIT ?"
)
_STATES = "SELECT state, count(*) FROM instances GROUP BY state"
_ROWS = {table: f"SELECT count(*) FROM {table}" for table in (*TABLE_OF.values(), "records")}
_DONE = "SELECT count(*) FROM instances WHERE state = 'done'"


@attrs.frozen(kw_only=True)
class Counts:
    """What an archive holds: instances by state, and rows. Those of forms have a record each."""

    pending: int
    partial: int
    done: int
    failed: int
    logs: int
    tasks: int
    nodes: int
    records: int
    attachments: int


@attrs.frozen(kw_only=True)
class Failure:
    """An instance that could not be read, and why."""

    system: str
    tenant: str
    id: str
    error: str


class Archive:
    """Instances and their rows, in a file that can be queried with any SQLite tool.

    Use it as ``async with Archive.open(path) as archive``. It may be killed at any moment: what a
    call reported as stored is stored, and nothing is stored in part. Every method raises
    `HarvestError` if the file can't be read or written.

    Attributes:
        database: what it is stored in. A harvest works with it; everybody else needs the methods only.
    """

    def __init__(self, database: Database) -> None:
        self.database: Database = database

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, create: bool = True) -> Self:
        """Return the archive at the path. On entering it is opened, or created with mode 0600.

        With ``create=False`` it is opened for reading only. Entering raises HarvestError if the
        file isn't an archive or is one of another version, or if there is none to read.
        """
        if "://" in os.fspath(path):
            raise HarvestError(f"{redact_url(os.fspath(path))}: an archive is a SQLite file; pass a path, not a URL")
        try:
            return cls(Database(Path(path).absolute(), create=create))
        except OSError as error:
            raise HarvestError(f"{path}: the current folder isn't there any more ({error.strerror})") from None

    @property
    def path(self) -> Path:
        """Where the file is."""
        return self.database.path

    async def __aenter__(self) -> Self:
        await self.database.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.database.close()

    async def counts(self) -> Counts:
        """Return what the archive holds."""

        def work(connection: Connection) -> Counts:
            states = dict(connection.execute(_STATES).fetchall())
            rows = {table: connection.execute(query).fetchone()[0] for table, query in _ROWS.items()}
            rows["attachments"] = rows.pop("links")
            return Counts(**{state: states.get(state, 0) for state in ("pending", "partial", "done", "failed")}, **rows)

        return await self.database.transact(work)

    async def statuses(self) -> list[StatusCount]:
        """Return how many harvested instances there are of each status, by system. An empty archive has none."""
        return await self.database.transact(overview.statuses)

    async def last_runs(self) -> list[LastRun]:
        """Return the latest run of each source, by system, tenant and source."""
        return await self.database.transact(overview.last_runs)

    async def done(self) -> int:
        """Return how many instances are done."""
        ((number,),) = await self.database.select(_DONE)
        return int(number)

    async def failures(self, most: int | None = None) -> list[Failure]:
        """Return the instances that could not be read, or the first so many of them, in the order of their failures."""
        rows = await self.database.select(_FAILURES, _MOST if most is None else most)
        return [Failure(system=system, tenant=tenant, id=id_, error=error) for system, tenant, id_, error in rows]

    async def read(self, table: str, where: Where | None = None) -> AsyncGenerator[Rows]:
        """Yield a table's rows in chunks, at least one, each with the names of its columns.

        They come by system, tenant, instance and position, and show the archive as it was when reading began. `where`
        chooses instances, and so their rows.

        Raises:
            ConfigError: the table is unknown. Or instances are chosen, but its rows belong to none.
        """
        async with aclosing(read_table(self.database, table, where)) as chunks:
            async for names, rows in chunks:
                yield names, rows

    async def events(self, where: Where | None = None) -> AsyncGenerator[Event]:
        """Yield the steps of all harvested instances, or of the chosen ones, in the order of instance and position.

        They stream: the first comes at once, and memory stays flat.
        """
        async with aclosing(read_events(self.database, where or Where())) as found:
            async for event in found:
                yield event

    async def read_event_log(self, where: Where | None = None) -> AsyncGenerator[Rows]:
        """Yield the events in chunks, with the column names that tools for process mining know.

        These are ``case:concept:name``, ``concept:name``, ``start_timestamp``, ``time:timestamp`` (the end),
        ``org:resource``, ``lifecycle:transition`` and ``concept:instance``, then the other columns of the view.
        """
        async with aclosing(read_event_log(self.database, where or Where())) as chunks:
            async for columns in chunks:
                yield as_rows(columns)

    async def to_arrow(self, table: str = "events", where: Where | None = None) -> core.Table:
        """Return a table as Arrow, which pandas, polars, DuckDB and PyArrow take without a copy.

        Events have the standard column names of `read_event_log`. All rows are in memory. Times are UTC, in
        microseconds.

        Raises:
            ConfigError: the table is unknown, or the ``parquet`` extra isn't installed.
        """
        try:
            from .arrow import as_arrow  # noqa: PLC0415  # an extra
        except ImportError:
            raise ConfigError("Arrow needs an extra: pip install 'workflowkit[parquet]'") from None
        chunks = self.read_event_log(where) if table == "events" else self.read(table, where)
        return await as_arrow(table, chunks)

    async def forms(self) -> list[FormCount]:
        """Return the forms that there are records of, by name. An archive without records has none."""
        return await count_forms(self.database)

    async def read_records(self, form_id: str, where: Where | None = None) -> AsyncGenerator[Rows]:
        """Yield a form's records in chunks, at least one, each with the names of its columns.

        Those are the labels of the form's fields. A value is as the vendor's JSON has it: a text, a number, a list
        or a dict. Fields that have no label are together in the column ``other``.
        """
        async with aclosing(read_records(self.database, form_id, where or Where())) as chunks:
            async for names, rows in chunks:
                yield names, rows

    async def check(self) -> list[Problem]:
        """Return what is wrong with the file, its counts and its keys. `verify` compares each row as well."""
        damage = [Problem("", "", "", text) for text in await self.database.damage()]
        return damage + await self.database.transact(checks.problems)

    async def count_files(self, system: str | None = None, tenant: str | None = None) -> FileCounts:
        """Return how many files are saved, waiting and lost, of one tenant or of all."""
        return await self.database.transact(lambda connection: inventory.count_files(connection, system, tenant))

    async def list_files(self, most: int | None = None) -> list[File]:
        """Return the places that link to files, or the first so many: what is lost first, then what waits."""
        most = _MOST if most is None else most
        return await self.database.transact(lambda connection: inventory.list_files(connection, self.path, most))

    async def retry_lost_files(self) -> int:
        """Let the next harvest that saves files try the lost ones again. Return how many that are."""
        return await self.database.transact(inventory.retry_lost)
