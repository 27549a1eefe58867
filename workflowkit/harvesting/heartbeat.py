"""One harvest per archive: wait until the requests of the previous one count no more, or refuse to join a live one.

A harvest writes a heartbeat into the archive twice a second. The next harvest can't know more of it, because
it may run in another container, or may have been killed a moment ago. Only if it ran on the same machine can
its process be looked up.
"""

from __future__ import annotations

import asyncio
import os
import platform
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from operator import attrgetter

from ..archive import Archive
from ..archive.lock import LOCK_IS_LOST, OtherHarvest, other_harvests, write_heartbeat
from ..errors import HarvestError
from ..source import Source

HEARTBEAT = 0.5
"""Seconds between two heartbeats."""

_SILENT = 3 * HEARTBEAT
"""Seconds without a heartbeat after which a harvest is taken for dead."""


async def send_heartbeats(archive: Archive) -> None:
    """Write heartbeats until cancelled. Raises HarvestError once another process has the lock, or the file is gone."""
    is_locked = True
    while is_locked:
        await asyncio.sleep(HEARTBEAT)
        await archive.database.check_place()
        with suppress(HarvestError):  # it can wait. Whoever has something to store can't
            is_locked = await archive.database.transact(write_heartbeat)
    raise HarvestError(LOCK_IS_LOST)


async def wait_for_previous(archive: Archive, sources: Sequence[Source], stop: asyncio.Event) -> None:
    """Wait until nothing that another process has sent is still counted, or `stop` is set.

    Raises HarvestError if another process is harvesting into the archive.
    """
    windows = {(source.system, source.tenant): source.window for source in sources}
    first: dict[str, str] = {}
    began = time.monotonic()
    while not stop.is_set():
        others = await archive.database.transact(other_harvests)
        waited = time.monotonic() - began  # clocks may be set, and those of two machines differ
        unfinished = sorted((other for other in others if other.unfinished), key=attrgetter("alive_at"))
        latest = {other.process: other.alive_at for other in unfinished}
        for process, alive_at in latest.items():
            if first.setdefault(process, alive_at) != alive_at:
                raise HarvestError(
                    f"{archive.path}: process {process.partition(',')[0]} is harvesting into it; wait for it to "
                    "end or stop it, or harvest into another archive"
                )
        left = max((_least(other, windows) - max(waited, other.silent_for()) for other in others), default=0.0)
        if left <= 0:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(min(left, HEARTBEAT)):
                await stop.wait()


def _least(other: OtherHarvest, windows: Mapping[tuple[str, str], float]) -> float:
    """Return how long ago it must have been alive last, in seconds."""
    window = windows.get((other.system, other.tenant), 0.0)
    counted = window + 2 * HEARTBEAT if window else 0.0
    return max(counted, _SILENT) if other.unfinished and not _is_gone(other.process) else counted


def _is_gone(process: str) -> bool:
    """Return whether a process of this machine is known to have ended."""
    number, _, machine = process.partition(",")[0].partition(" on ")
    if machine != platform.node() or os.name != "posix":
        return False
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False
