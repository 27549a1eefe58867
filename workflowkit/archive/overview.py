"""What the instances of an archive are, and how the last run of each source went."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import attrs

from .connection import Connection
from .values import seconds_since

_STATUSES = """
    SELECT system, status, is_open, count(*) FROM instances WHERE state = 'done'
    GROUP BY system, status, is_open ORDER BY system, 4 DESC, status
"""
_RUNS = """
    SELECT system, tenant, source, began_at, ended_at, alive_at, process FROM harvests ORDER BY system, tenant, source
"""
_ALIVE = 5.0
"""Seconds. A harvest that runs writes a heartbeat twice a second."""


@attrs.frozen
class StatusCount:
    """How many harvested instances of a system have a status.

    Attributes:
        status: the vendor's, None where its listing didn't say.
        is_open: whether such an instance can still change, None where that isn't known.
    """

    system: str
    status: str | None
    is_open: bool | None
    instances: int

    @property
    def label(self) -> str:
        """The status in a word: the vendor's own, or ``open`` or ``closed`` where the vendor has numbers only."""
        if self.status is not None and not self.status.isdecimal():
            return self.status
        return {True: "open", False: "closed", None: "not listed"}[self.is_open]


@attrs.frozen
class LastRun:
    """The latest run of a source. Times are UTC text.

    Attributes:
        source: what it reads.
        ended_at: when it came to its end, None if it hasn't.
        alive_at: its last heartbeat.
        process: number and machine of the process.
    """

    system: str
    tenant: str
    source: str
    began_at: str
    ended_at: str | None
    alive_at: str
    process: str

    @property
    def state(self) -> Literal["finished", "running", "interrupted"]:
        """Whether it has finished, is running now, or was interrupted. Running the same command continues it."""
        if self.ended_at is not None:
            return "finished"
        return "running" if abs(seconds_since(self.alive_at)) < _ALIVE else "interrupted"

    @property
    def seconds(self) -> float:
        """How long it took, or has been running. Pauses between interruptions count."""
        end = datetime.fromisoformat(self.ended_at or self.alive_at)
        return (end - datetime.fromisoformat(self.began_at)).total_seconds()


def statuses(connection: Connection) -> list[StatusCount]:
    """Return how many harvested instances there are of each status, by system."""
    rows = connection.execute(_STATUSES)
    return [
        StatusCount(system, status, None if is_open is None else bool(is_open), number)
        for system, status, is_open, number in rows
    ]


def last_runs(connection: Connection) -> list[LastRun]:
    """Return the latest run of each source, by system, tenant and source."""
    found = [LastRun(*row) for row in connection.execute(_RUNS)]
    return [attrs.evolve(run, process=run.process.partition(",")[0]) for run in found]
