"""One harvest per archive: the process that holds the lock may write, and every transaction checks that it still does.

A harvest that was suspended is taken for dead after some time, and another process takes the lock over. When the
first one wakes, its next transaction finds that out, and it stores nothing.
"""

from __future__ import annotations

import os
import platform
import sqlite3
from secrets import token_hex

from ..errors import HarvestError

_NAME_OF_ITS_OWN = token_hex(4)

_HOLDER = "SELECT process FROM harvest_lock"


def this_process() -> str:
    """Return what tells this process from any other: its number, its machine, and a name of its own."""
    return f"{os.getpid()} on {platform.node()}, {_NAME_OF_ITS_OWN}"


def take_lock(connection: sqlite3.Connection) -> None:
    """Make this process the one that may write, whoever did before."""
    connection.execute("DELETE FROM harvest_lock")
    connection.execute("INSERT INTO harvest_lock (process) VALUES (?)", (this_process(),))


def has_lock(connection: sqlite3.Connection) -> bool:
    """Return whether no other process has taken the lock."""
    holder = connection.execute(_HOLDER).fetchone()
    return holder is None or holder[0] == this_process()


def check_lock(connection: sqlite3.Connection) -> None:
    """Raise HarvestError, before anything is written, if another process has taken the lock."""
    if not has_lock(connection):
        raise HarvestError(
            "another process has begun a harvest into this archive, since this one showed no sign of life; "
            "this one ends, and has stored nothing since"
        )
