"""Time as people have it: zones to show times in, and windows such as ``--since 7d``."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta, tzinfo
from functools import wraps
from typing import Any
from zoneinfo import ZoneInfo

import click

from ..errors import ConfigError

Command = Callable[..., Any]

_AGO = re.compile(r"(\d{1,6})([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_SUCH_AS = "7d, 12h, yesterday, 2025-07-18 or 2025-07-18T15:11:04+08:00"


def zoned(command: Command) -> Command:
    """Add ``--tz`` and ``--utc`` to a command. It gets the zone as `zone`: None is the local one."""

    @click.option("--tz", metavar="ZONE", help="Show times in this zone, such as Asia/Shanghai. Default: local time.")
    @click.option("--utc", is_flag=True, help="Show times in UTC.")
    @wraps(command)
    def run(*args: Any, tz: str | None, utc: bool, **options: Any) -> Any:
        if utc and tz is not None:
            raise click.UsageError("pass either --tz ZONE or --utc")
        return command(*args, zone=UTC if utc else None if tz is None else zone_of(tz), **options)

    return run


def window(command: Command) -> Command:
    """Add ``--since`` and ``--until`` to a command. It gets aware times. Without an offset they are of its zone."""

    @click.option("--since", metavar="T", help=f"Start of the time window: {_SUCH_AS}.")
    @click.option("--until", metavar="T", help="End of the time window.")
    @wraps(command)
    def run(*args: Any, since: str | None, until: str | None, **options: Any) -> Any:
        zone, now = options.get("zone"), datetime.now(UTC)
        times = {name: text and parse_time(text, zone, now) for name, text in (("since", since), ("until", until))}
        return command(*args, **times, **options)

    return run


def zone_of(name: str) -> tzinfo:
    """Return a zone by its name. Raises ConfigError."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        raise ConfigError(f"time zone {name!r}: there is none; pass a name such as Asia/Shanghai, or --utc") from None


def parse_time(text: str, zone: tzinfo | None, now: datetime) -> datetime:
    """Return the aware time that a text means. Raises UsageError.

    Args:
        text: so long ago (``7d``), a day (``yesterday``, ``today``, ``2025-07-18``) or a time in ISO 8601 or
            SecMaster's own form. A day begins at midnight of the zone. What is so long ago is the beginning of that
            day, hour or minute. So a harvest that is run again on the same day has the same window, and continues.
        zone: of a text without an offset. None is the local one.
        now: the present.
    """
    try:
        found = _read(text, zone, now)
        if found.tzinfo is None:
            found = found.astimezone() if zone is None else found.replace(tzinfo=zone)
        found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise click.UsageError(f"{text!r} is no time such as {_SUCH_AS}") from None
    return found


def _read(text: str, zone: tzinfo | None, now: datetime) -> datetime:
    """Return the time, without an offset if the text has none."""
    if ago := _AGO.fullmatch(text):
        moment = now.astimezone(zone) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        if ago[2] in "dw":
            return datetime.combine(moment.date(), time())
        return (
            moment.replace(second=0, microsecond=0)
            if ago[2] == "m"
            else moment.replace(minute=0, second=0, microsecond=0)
        )
    today = now.astimezone(zone).date()
    days = {"today": today, "yesterday": today - timedelta(days=1)}
    if text in days:
        return datetime.combine(days[text], time())
    return datetime.fromisoformat(text.replace("Z+", "+"))
