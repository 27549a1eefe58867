"""One harvest per archive: the process that holds the lock may write, and every transaction checks that it still does.

A harvest that was suspended is taken for dead after some time, and another process takes the lock over. When the
first one wakes, its next transaction finds that out, and it stores nothing.
"""

from __future__ import annotations

import functools
import os
import platform
from secrets import token_hex

import attrs

from ..errors import HarvestError
from .connection import Connection
from .values import now, seconds_since

LOCK_IS_LOST = (
    "another process has begun a harvest into this archive, since this one showed no sign of life; "
    "this one ends, and has stored nothing since"
)

_NAME_OF_ITS_OWN = token_hex(4)

_HOLDER = "SELECT process FROM harvest_lock"
_RELEASE = "DELETE FROM harvest_lock"
_TAKE = "INSERT INTO harvest_lock (process) VALUES (?)"
_ALIVE = "UPDATE harvests SET alive_at = ? WHERE process = ? AND ended_at IS NULL"
_OTHERS = "SELECT process, system, tenant, ended_at IS NULL, alive_at FROM harvests WHERE process <> ?"


@attrs.frozen
class OtherHarvest:
    """What another process has harvested, or is harvesting.

    Attributes:
        process: its number, its machine, and a name of its own.
        system: whose instances, as is `tenant`.
        unfinished: whether it hasn't come to its end.
        alive_at: its last heartbeat.
    """

    process: str
    system: str
    tenant: str
    unfinished: bool
    alive_at: str

    def silent_for(self) -> float:
        """Return for how many seconds it has shown no sign of life."""
        return seconds_since(self.alive_at)


@functools.cache
def _process(number: int) -> str:
    return f"{number} on {platform.node()}, {_NAME_OF_ITS_OWN}"


def this_process() -> str:
    """Return what tells this process from any other: its number, its machine, and a name of its own."""
    return _process(os.getpid())


def take_lock(connection: Connection) -> None:
    """Make this process the one that may write, whoever did before."""
    connection.execute(_RELEASE)
    connection.execute(_TAKE, (this_process(),))


def has_lock(connection: Connection) -> bool:
    """Return whether no other process has taken the lock."""
    holder = connection.execute(_HOLDER).fetchone()
    return holder is None or holder[0] == this_process()


def check_lock(connection: Connection) -> None:
    """Raise HarvestError, before anything is written, if another process has taken the lock."""
    if not has_lock(connection):
        raise HarvestError(LOCK_IS_LOST)


def write_heartbeat(connection: Connection) -> bool:
    """Note that this process is alive. Return whether no other process has taken the lock."""
    if not has_lock(connection):
        return False
    connection.execute(_ALIVE, (now(), this_process()))
    return True


def other_harvests(connection: Connection) -> list[OtherHarvest]:
    """Return what other processes have harvested into this archive."""
    rows = connection.execute(_OTHERS, (this_process(),))
    return [OtherHarvest(process, system, tenant, bool(open_), alive) for process, system, tenant, open_, alive in rows]
