"""The figures as SQL that people can run and change. The tests hold both to each other."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from importlib.resources import files

from ..archive import Archive
from ..archive.cases import time_span

_STEP = timedelta(days=1)
_EARLIEST, _LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
_EXACT = timedelta(minutes=15)


async def statements(archive: Archive, zone: tzinfo | None) -> str:
    """Return the SQL of all figures, with the offsets that a zone has between the archive's first and last time."""
    first, last = await time_span(archive.database)
    return await asyncio.to_thread(_with_offsets, first, last, zone)


def _with_offsets(first: datetime | None, last: datetime | None, zone: tzinfo | None) -> str:
    text = files("workflowkit.report").joinpath("figures.sql").read_text("utf-8")
    first, last = first and max(first, _EARLIEST), last and min(last, _LATEST)
    offsets = ", ".join(f"('{since}', {minutes})" for since, minutes in _offsets(first, last, zone))
    return text.replace("{zone}", offsets)


def _offsets(first: datetime | None, last: datetime | None, zone: tzinfo | None) -> Iterator[tuple[str, int]]:
    """Yield each offset in minutes, with the UTC text of the moment since when it holds. The first holds from ever."""
    at = first or datetime.now(UTC)
    offset = _minutes(at, zone)
    yield "", offset
    while last is not None and at < last:
        after = at + _STEP
        if _minutes(after, zone) != offset:
            while after - at > _EXACT:
                middle = at + (after - at) / 2
                at, after = (middle, after) if _minutes(middle, zone) == offset else (at, middle)
            offset = _minutes(after, zone)
            quarter = after - timedelta(seconds=after.timestamp() % _EXACT.total_seconds())
            yield f"{quarter:%Y-%m-%dT%H:%M:%S}.000Z", offset
        at = after


def _minutes(moment: datetime, zone: tzinfo | None) -> int:
    return (moment.astimezone(zone).utcoffset() or timedelta()) // timedelta(minutes=1)
