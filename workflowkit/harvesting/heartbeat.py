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
from collections.abc import Sequence
from contextlib import suppress
from operator import attrgetter

import attrs

from ..errors import HarvestError
from ..source import Source
from . import lock
from .archive import Archive
from .database import now

HEARTBEAT = 0.5
"""Seconds between two notes that a harvest is alive."""

_SILENT = 3 * HEARTBEAT
"""Seconds without a note after which a harvest is taken for dead."""

_OTHERS = """
    SELECT process, system, tenant, ended_at IS NULL, alive_at, (julianday(?) - julianday(alive_at)) * 86400
    FROM harvests WHERE process <> ?
"""


@attrs.frozen
class _Other:
    process: str
    system: str
    tenant: str
    unfinished: bool
    alive_at: str
    ago: float


async def wait_for_previous(archive: Archive, sources: Sequence[Source], stop: asyncio.Event) -> None:
    """Wait until nothing that another process has sent is still counted, or `stop` is set.

    Raises HarvestError if another process is harvesting into the archive.
    """
    windows = {(source.system, source.tenant): source.window for source in sources}
    first: dict[str, str] = {}
    began = time.monotonic()
    while not stop.is_set():
        others = await _others(archive)
        waited = time.monotonic() - began  # clocks may be set, and those of two machines differ
        unfinished = [other for other in others if other.unfinished]
        latest = {each.process: each.alive_at for each in sorted(unfinished, key=attrgetter("alive_at"))}
        for process, alive_at in latest.items():  # each of its sources has a heartbeat of its own
            if first.setdefault(process, alive_at) != alive_at:
                raise HarvestError(
                    f"{archive.path}: process {process.partition(',')[0]} is harvesting into it; wait for it to "
                    "end or stop it, or harvest into another archive"
                )
        left = max((_least(other, windows) - max(waited, other.ago) for other in others), default=0.0)
        if left <= 0:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(min(left, HEARTBEAT)):
                await stop.wait()


def _least(other: _Other, windows: dict[tuple[str, str], float]) -> float:
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


async def _others(archive: Archive) -> list[_Other]:
    return [_Other(*row) for row in await archive.ask(_OTHERS, now(), lock.this_process())]
