"""All instances of a workspace, each once, though the service shows only the first 10,000 of a list.

A list that doesn't fit is requested in **windows** of time, the earliest first. If a window has too many
instances, it is halved. If a window is nearly empty, the next one is twice as long.
Windows overlap by a millisecond, so that it doesn't matter which of their ends belong to them.

Within a window the oldest come first, so that new ones join at its end. Pages overlap by one row.
If a page doesn't begin with a row that was seen, rows before it are gone. An instance may be deleted, or
no longer RUNNING where only those are listed. Then the page before is requested again. Rows that were
seen already are left out.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol, Self

import attrs

from ..arguments import check_window
from ..client import Result
from ..errors import ConfigError, DecodeError
from ..paginator import Cursor, Page, page_of
from .models import InstancesPage, WorkflowInstance

DEPTH = 10_000
"""How many rows of a list can be had: offset + limit beyond it is undefined."""

_OVERLAP = timedelta(milliseconds=1)
_NEARLY_EMPTY = DEPTH // 4
_SILENCES = 50
"""Empty windows in a row that a listing may have: each is twice as long as the one before."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONG_AGO = timedelta(days=3650)
"""Where the halving begins if neither the caller nor an instance names a time."""


@attrs.frozen
class Place:
    """Where a listing continues: how far into which window.

    Attributes:
        start: of the window. None is the beginning of all.
        end: of the window. None means that it has no end.
        width: of the window, once it had to be one.
        offset: the row in it.
        page: how many pages came before, which makes each place unlike every other.
        last: the id of the row at the offset, which has been seen.
    """

    start: datetime | None
    end: datetime | None
    width: timedelta | None = None
    offset: int = 0
    page: int = 0
    last: str = ""

    def cursor(self) -> str:
        """Return this place as text."""
        start, end = (time.isoformat() if time else "" for time in (self.start, self.end))
        width = self.width.total_seconds() if self.width else ""
        return f"{start}/{end}/{width}/{self.offset}/{self.page}/{self.last}"

    @classmethod
    def at(cls, cursor: Cursor) -> Self:
        """Return the place that a cursor names. Raises ConfigError for one that isn't a listing's own."""
        place: Self | None
        try:
            start, end, width, offset, page, last = str(cursor).split("/")
            place = cls(
                datetime.fromisoformat(start) if start else None,
                datetime.fromisoformat(end) if end else None,
                timedelta(seconds=float(width)) if width else None,
                int(offset),
                int(page),
                last,
            )
            check_window(place.start, place.end)
        except (ValueError, OverflowError):
            place = None
        if place is None or not 0 <= place.offset < DEPTH or (place.width is not None and place.width < _OVERLAP):
            raise ConfigError(f"cursor {cursor!r}: pass one that a page of this listing named")
        return place


class FetchRows(Protocol):
    """Sends one list request."""

    def __call__(
        self, since: datetime | None, until: datetime | None, *, offset: int, limit: int
    ) -> Awaitable[Result[InstancesPage]]:
        """Return the rows of a window from an offset on."""


class Listing:
    """One walk through a list. It remembers the ids of two windows, and of those that grew too long."""

    def __init__(self, fetch_rows: FetchRows, *, since: datetime | None, until: datetime | None, limit: int) -> None:
        self._fetch_rows = fetch_rows
        self._since = since
        self._until = until
        self._limit = max(limit, 2)  # or pages couldn't overlap
        self._before: set[str] = set()
        self._here: set[str] = set()
        self._ahead: set[str] = set()
        self._idle = 0
        self._attempts = 0

    async def fetch(self, cursor: Cursor | None) -> Page[WorkflowInstance]:
        """Return the page at a cursor, without what earlier pages had."""
        place = Place(self._since, self._until) if cursor is None else Place.at(cursor)
        self._attempts = 0
        while True:
            result = await self._request(place, offset=place.offset, limit=self._room(place))
            rows = result.value.instances
            if place.offset == 0 and len(rows) >= self._limit and not await self._fits(place, result):
                place = _halved(place, rows)
            elif place.offset and not (rows and rows[0].id in {place.last, *self._here}):
                place = attrs.evolve(place, offset=max(0, place.offset - self._limit), last="")
            else:
                break
        seen = (self._here, self._before, self._ahead)
        new = [index for index, row in enumerate(rows) if not any(row.id in ids for ids in seen)]
        self._here.update(row.id for row in rows)
        self._idle = 0 if new else self._idle + 1
        if self._idle > 3 * DEPTH // (self._limit - 1) + _SILENCES:  # some windows are read again
            raise DecodeError((f"{self._idle} pages without a new instance: the listing makes no progress @ $",))
        onward = self._after(place, rows)
        return page_of(result, onward.cursor() if onward else None, keep=new, attempts=self._attempts)

    async def _request(self, place: Place, *, offset: int, limit: int) -> Result[InstancesPage]:
        result = await self._fetch_rows(place.start, place.end, offset=offset, limit=limit)
        self._attempts += result.attempts
        return result

    def _room(self, place: Place) -> int:
        """Return how many rows can be asked for at a place."""
        return min(self._limit, DEPTH - place.offset)

    async def _fits(self, place: Place, result: Result[InstancesPage]) -> bool:
        """Return whether all of a window can be had. A count beyond the page's own rows can only be the total."""
        count = result.value.count
        if count is not None and count > len(result.value.instances):
            return count < DEPTH
        return not (await self._request(place, offset=DEPTH - 1, limit=1)).value.instances

    def _after(self, place: Place, rows: Sequence[WorkflowInstance]) -> Place | None:
        """Return where to continue, None at the end."""
        place = attrs.evolve(place, page=place.page + 1)
        offset = place.offset + len(rows) - 1
        if len(rows) >= self._room(place):
            if offset + 1 < DEPTH:
                return attrs.evolve(place, offset=offset, last=rows[-1].id)
            self._ahead |= self._here  # it grew while it was read: later windows have these again
            return _halved(place, rows)
        if place.end is None or place.width is None or place.end == self._until:
            return None
        width = place.width * 2 if offset < _NEARLY_EMPTY else place.width
        left = (self._until or datetime.now(UTC)) - place.end
        end = self._until if width >= left else place.end + width
        self._before, self._here = self._here, set()
        return attrs.evolve(place, start=place.end - _OVERLAP, end=end, width=width, offset=0, last="")


def _halved(place: Place, rows: Sequence[WorkflowInstance]) -> Place:
    """Return the first half of a window. Where it has no beginning, the oldest instance is it."""
    now = datetime.now(UTC)
    oldest = min((row.start_time for row in rows if row.start_time), default=now - _LONG_AGO)
    start = place.start or max(oldest, _EPOCH)  # some write the year 1 for no time at all
    end = place.end or max(now, start + 2 * (place.width or _OVERLAP))  # beyond now, where a clock is behind
    width = (end - start) / 2
    if width < _OVERLAP:
        raise DecodeError((f"{DEPTH:,} or more instances at {start.isoformat()}, where a listing ends @ $",))
    return attrs.evolve(place, end=start + width, width=width, offset=0, last="")
