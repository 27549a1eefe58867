"""Local time, and how long something took: in calendar time, or in working hours."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta, tzinfo
from itertools import accumulate

import attrs

from ..errors import ConfigError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MONDAY = date(1970, 1, 5).toordinal()
_DAY = 86_400_000
_QUARTER = 900_000
"""Milliseconds. The offset of each zone changes at quarters of an hour only."""

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HOURS = re.compile(r"(\d{1,2})(?::([0-5]\d))?-(\d{1,2})(?::([0-5]\d))?")


@attrs.frozen
class WorkingHours:
    """When people work. Times of day are milliseconds, days are 0 (Monday) to 6, holidays are ordinals, sorted."""

    text: str
    begin: int
    end: int
    days: frozenset[int]
    holidays: tuple[int, ...] = ()
    _before: tuple[int, ...] = attrs.field(init=False)

    @_before.default
    def _working_days_before(self) -> tuple[int, ...]:
        """Return for each weekday how many working days of the week come before it, and those of the week."""
        return tuple(accumulate((int(day in self.days) for day in range(7)), initial=0))

    @classmethod
    def parse(cls, hours: str, days: str = "mon-fri", holidays: Iterable[date] = ()) -> WorkingHours:
        """Return what ``9-18`` or ``8:30-17:00`` and ``mon-fri`` or ``mon,tue,sat`` mean. Raises ConfigError."""
        found = _HOURS.fullmatch(hours.strip())
        if not found:
            raise ConfigError(f"{hours!r}: working hours are written as 9-18 or 8:30-17:00")
        begin_hour, begin_minute, end_hour, end_minute = (int(part or 0) for part in found.groups())
        begin, end = (60 * begin_hour + begin_minute, 60 * end_hour + end_minute)
        if not begin < end <= 24 * 60:
            raise ConfigError(f"{hours!r}: working hours end after they begin, and by 24; pass them as 9-18")
        chosen = _parse_days(days)
        kept = sorted({day.toordinal() for day in holidays if day.weekday() in chosen})
        return cls(f"{hours.strip()} {days.strip()}", begin * 60_000, end * 60_000, chosen, tuple(kept))

    @property
    def day(self) -> int:
        """How long a working day is, in milliseconds."""
        return self.end - self.begin

    def worked(self, local: int) -> int:
        """Return how much working time had passed at a local moment, since a moment long ago."""
        day, time = divmod(local, _DAY)
        ordinal = day + _EPOCH.toordinal()
        weeks, weekday = divmod(ordinal - _MONDAY, 7)
        holidays = bisect_left(self.holidays, ordinal)
        whole = weeks * self._before[7] + self._before[weekday] - holidays
        is_holiday = holidays < len(self.holidays) and self.holidays[holidays] == ordinal
        today = min(max(time - self.begin, 0), self.day) if weekday in self.days and not is_holiday else 0
        return whole * self.day + today


def _parse_days(text: str) -> frozenset[int]:
    found: set[int] = set()
    for part in text.lower().replace(" ", "").split(","):
        first, _, last = part.partition("-")
        if first not in _DAYS or (last or first) not in _DAYS:
            raise ConfigError(f"{text!r}: days are written as mon-fri or mon,tue,sat")
        begin, end = _DAYS.index(first), _DAYS.index(last or first)
        found.update((begin + offset) % 7 for offset in range((end - begin) % 7 + 1))
    return frozenset(found)


class Clock:
    """Turns moments, which are milliseconds since 1970, into local ones, and measures waits.

    Args:
        zone: the time zone of weekdays and hours. None is the local one.
        hours: measure working time by these hours instead of calendar time.
    """

    def __init__(self, zone: tzinfo | None, hours: WorkingHours | None = None) -> None:
        self.zone = zone
        self.hours = hours
        self._offsets: dict[int, int] = {}

    def local(self, moment: int) -> int:
        """Return the moment as the milliseconds that a clock on the wall shows."""
        quarter = moment // _QUARTER
        offset = self._offsets.get(quarter)
        if offset is None:
            offset = self._offsets[quarter] = self._offset(quarter * _QUARTER)
        return moment + offset

    def wait(self, begin: int, end: int) -> int:
        """Return how long it is from one moment to another."""
        if self.hours is None:
            return end - begin
        return max(self.hours.worked(self.local(end)) - self.hours.worked(self.local(begin)), 0)

    def _offset(self, moment: int) -> int:
        try:
            offset = time_of(moment).astimezone(self.zone).utcoffset()
        except (OverflowError, ValueError):  # in the year 1 or 9999
            offset = None
        return (offset or timedelta()) // timedelta(milliseconds=1)


def moment_of(text: str | None) -> int | None:
    """Return a stored time as milliseconds since 1970."""
    return None if text is None else (datetime.fromisoformat(text) - _EPOCH) // timedelta(milliseconds=1)


def stored_time(text: str | None) -> datetime | None:
    """Return a stored time, None if there is none."""
    return datetime.fromisoformat(text) if text else None


def time_of(moment: int) -> datetime:
    """Return a moment as a time in UTC."""
    return _EPOCH + timedelta(milliseconds=moment)


def hour_of(local: int) -> tuple[int, int]:
    """Return the weekday of a local moment, Monday being 0, and the hour."""
    day, time = divmod(local, _DAY)
    return (day + 3) % 7, time // 3_600_000


def monday_of(local: int) -> int:
    """Return the number of the Monday that begins a local moment's week: days since 1970."""
    day = local // _DAY
    return day - (day + 3) % 7


def date_of(day: int) -> date:
    """Return the date of a number of days since 1970."""
    return date.fromordinal(day + _EPOCH.toordinal())
