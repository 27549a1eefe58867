"""Figures in words, for the page and the terminal alike."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo

from .figures import Moment
from .outcomes import BACK, HANDED_ON

_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86_400.0
_TEN = 9.95
"""Seconds, hours or days from which on no decimal is shown."""

_LEAST = 0.1
"""Seconds below which no number is shown."""

_OUTCOMES = {
    "forward": "approved",
    "batch_forward": "approved",
    "back": "sent back",
    "reject": "rejected",
    "transfer": "handed on",
    "batch_transfer": "handed on",
    "auto_approve": "approved by rule",
    "auto_forward": "forwarded by rule",
    "auto_back": "sent back by rule",
    "invoke_plugin": "plug-in called",
    "revoke": "withdrawn",
}
_BACK = BACK | {"reject", "FAILED", "TERMINATED"}
_MOVED = HANDED_ON | {"revoke", "close", "RETRYING", "TERMINATING"}


_INVISIBLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufffe\uffff\ud800-\udfff]"
)


def visible(text: str) -> str:
    """Return other people's text without characters that control a page, or the direction of a text."""
    return _INVISIBLE.sub("\ufffd", text)


def number(value: float) -> str:
    """Return ``1,234``."""
    return f"{value:,.0f}"


def average(value: float) -> str:
    """Return ``157`` or ``4.2``."""
    if 0 < value < 0.05:
        return "< 0.1"
    return f"{value:.1f}" if value < _TEN else number(value)


def count_of(value: int, noun: str, plural: str | None = None) -> str:
    """Return ``1 case`` or ``2,000 cases``."""
    return f"{value:,} {noun if value == 1 else plural or noun + 's'}"


def share(value: float) -> str:
    """Return ``59 %``, or ``< 1 %`` for what is less."""
    if 0 < value < 0.01:
        return "< 1 %"
    if 0.99 < value < 1:
        return "> 99 %"
    return f"{100 * value:.0f} %"


def duration(seconds: float | None, day: float | None = None) -> str:
    """Return ``45 s``, ``80 min``, ``26 h`` or ``5.8 days``.

    Args:
        seconds: how long. None is an empty text.
        day: how long a working day is, if it is working time.
    """
    if seconds is None:
        return ""
    if round(seconds) < _MINUTE:
        if seconds >= _TEN or not seconds:
            return f"{seconds:.0f} s"
        return f"{seconds:.1f} s" if seconds >= _LEAST else f"< {_LEAST} s"
    if seconds < 90 * _MINUTE:
        return f"{seconds / _MINUTE:.0f} min"
    length = day or _DAY
    if seconds < 2 * length:
        hours = seconds / _HOUR
        return f"{hours:.1f} h" if hours < _TEN else f"{hours:.0f} h"
    days = seconds / length
    unit = "days" if day is None else "working days"
    return f"{days:.1f} {unit}" if days < _TEN else f"{days:,.0f} {unit}"


def outcome(step: Moment) -> str:
    """Return what became of a step, in words. A code that isn't known is shown as it is."""
    if step.outcome is None:
        return "waiting" if step.is_waiting else "ended" if step.end is not None else "never ended"
    return _OUTCOMES.get(step.outcome) or step.outcome.lower().replace("_", " ")


def kind(step: Moment) -> str:
    """Return what colour a step has: ``done``, ``back``, ``moved`` or ``open``."""
    if step.end is None:
        return "open"
    return "back" if step.outcome in _BACK else "moved" if step.outcome in _MOVED else "done"


def day_of(time: datetime | None, zone: tzinfo | None) -> str:
    """Return the local date."""
    return "" if time is None else f"{_local(time, zone):%Y-%m-%d}"


def minute_of(time: datetime | None, zone: tzinfo | None) -> str:
    """Return the local date and time, to a minute."""
    return "" if time is None else f"{_local(time, zone):%Y-%m-%d %H:%M}"


def _local(time: datetime, zone: tzinfo | None) -> datetime:
    try:
        return time.astimezone(zone)
    except OverflowError:  # in the year 1 or 9999
        return time


def offset_of(time: datetime) -> str:
    """Return the offset of a time: ``UTC+08:00``, or ``UTC``."""
    text = f"{time:%z}"
    return "UTC" if text in {"", "+0000", "-0000"} else f"UTC{text[:3]}:{text[3:5]}"


def describe_zone(zone: tzinfo | None, time: datetime) -> str:
    """Return a zone's name with its offset at a time: ``Asia/Shanghai (UTC+08:00)``. None is the local zone."""
    offset = offset_of(_local(time, zone))
    if offset_of(_local(time + timedelta(days=182), zone)) != offset:
        offset = f"{offset} now"
    if zone is None:
        return f"the local zone ({offset})"
    return offset if zone is UTC else f"{zone} ({offset})"
