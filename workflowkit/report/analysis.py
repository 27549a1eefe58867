"""Reads an archive once, and counts everything that a report says."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from datetime import tzinfo
from typing import TypedDict, Unpack

from ..archive import Archive
from ..archive.cases import Where, find_cases, read_cases, scope
from ..errors import ConfigError
from .clock import Clock, WorkingHours
from .counting import Counting, is_open, present
from .figures import Report, Timeline
from .lists import timeline
from .people import Names


class Chosen(TypedDict, total=False):
    """What can be chosen.

    Attributes:
        zone: the time zone of weekdays, hours and weeks. Default: the local one.
        hours: measure waits by these working hours, instead of calendar time.
        where: which instances to look at. Default: all that are harvested.
        names: whether people have their names. Otherwise each is a word that says nothing of them.
    """

    zone: tzinfo | None
    hours: WorkingHours | None
    where: Where
    names: bool


async def analyse(archive: Archive, **chosen: Unpack[Chosen]) -> Report:
    """Return the figures of an archive. It is read once, in memory of about 100 bytes for each step.

    "Now" is when the last instance of a tenant was harvested. An empty archive has a report without figures. The
    archive must have been entered. `Chosen` has the options.

    Raises:
        HarvestError: the archive can't be read.
    """
    where = chosen.get("where", Where())
    clock = Clock(chosen.get("zone"), chosen.get("hours"))
    names = Names(hidden=not chosen.get("names", True))
    counting = Counting(clock, names, await scope(archive.database, where))
    async with aclosing(read_cases(archive.database, where)) as chunks:
        async for cases in chunks:
            await asyncio.to_thread(counting.add, cases)
    return await asyncio.to_thread(counting.report)


async def find_timelines(
    archive: Archive, instance_id: str, *, tenant: str | None = None, names: bool = True
) -> list[Timeline]:
    """Return the timelines of the instance of that id: one for each tenant that has it, or that of one tenant.

    Without `names`, each person is a word that says nothing of them.

    Raises:
        ConfigError: the archive has no harvested instance of that id.
        HarvestError: the archive can't be read.
    """
    cases = await find_cases(archive.database, instance_id, tenant)
    if not cases:
        owner = "" if tenant is None else f" of tenant {tenant!r}"
        raise ConfigError(f"instance {instance_id!r}: the archive has no harvested instance of that id{owner}")
    called = Names(hidden=not names)
    for case in cases:
        for step in case.steps:
            called.key(step)
    now = present(await scope(archive.database, Where()))
    return [timeline(case, called, now.get((case.system, case.tenant), 0), is_open=is_open(case)) for case in cases]
