"""What can be told of an argument before anything is sent."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime

from .errors import ConfigError, InvalidRequest

LARGEST_PAGE = 100
"""Items per request at most, for each listing of either system."""

_FIRST_YEAR, _LAST_YEAR = 1970, 9998  # beyond them, the same time elsewhere may be none

_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")


def check_id(name: str, value: str, *, example: str = "659cba93489a49c06f7d4281") -> None:
    """Raise InvalidRequest unless the value can be an id. Ids are opaque, so only their characters are checked."""
    if not isinstance(value, str) or not _ID.fullmatch(value):
        shown = value[:80] if isinstance(value, str) else value
        raise InvalidRequest(f"{name}={shown!r}: pass an id such as {example!r}")


def check_limit(limit: int) -> None:
    """Raise ConfigError unless the page size is one the vendor accepts."""
    if not isinstance(limit, int) or not 1 <= limit <= LARGEST_PAGE:
        raise ConfigError(f"limit={limit!r}: pass a page size from 1 to {LARGEST_PAGE}; it never limits the total")


def check_names(argument: str, names: Sequence[str], example: str) -> None:
    """Raise ConfigError unless the value is a list of names. A lone string is a frequent slip."""
    if isinstance(names, str) or not names or not all(isinstance(name, str) and name for name in names):
        raise ConfigError(f"{argument}={names!r}: pass a list of names, such as {example}")


def check_text(name: str, value: object) -> None:
    """Raise ConfigError unless the value is a text that can be sent."""
    if not isinstance(value, str) or not value or any("\ud800" <= letter <= "\udfff" for letter in value):
        raise ConfigError(f"{name}={value!r}: pass a text that isn't empty, or leave it out")


def check_constant(name: str, value: str) -> None:
    """Raise ConfigError for a constant in the wrong case: a service would find nothing, and not say why."""
    check_text(name, value)
    if value != value.upper():
        raise ConfigError(f"{name}={value!r}: pass {value.upper()!r}")


def check_window(since: datetime | None, until: datetime | None) -> None:
    """Raise ConfigError unless both are aware times, or None, and in order."""
    for name, time in (("since", since), ("until", until)):
        if time is not None and (not isinstance(time, datetime) or time.utcoffset() is None):
            raise ConfigError(f"{name}={time!r}: pass a datetime with a time zone, such as datetime.now(UTC)")
        if time is not None and not _FIRST_YEAR <= time.year <= _LAST_YEAR:
            raise ConfigError(f"{name}={time.isoformat()}: pass a time from {_FIRST_YEAR} to {_LAST_YEAR}")
    if since is not None and until is not None and since.astimezone(UTC) >= until.astimezone(UTC):
        raise ConfigError(f"since={since.isoformat()} is not before until={until.isoformat()}")
