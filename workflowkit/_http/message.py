"""What is sent and what comes back, free of any HTTP library."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cached_property

import attrs

from ..redact import Headers, cut, redact_url

LONGEST_CODE = 100
"""Characters of an id or a code that are shown, whatever a service sends."""

_A_YEAR = 366 * 86_400.0


@attrs.frozen(kw_only=True)
class Request:
    """One HTTP request, whole. Its repr shows neither credentials nor a query."""

    method: str
    url: str = attrs.field(repr=redact_url)
    headers: Headers
    content: bytes = attrs.field(repr=lambda content: f"<{len(content)} bytes>")


@attrs.frozen(kw_only=True)
class Response:
    """One HTTP response, read to its end.

    Attributes:
        status: the HTTP status.
        headers: names in lower case.
        content: the body, decompressed.
    """

    status: int
    headers: Mapping[str, str]
    content: bytes = attrs.field(repr=lambda content: f"<{len(content)} bytes>")

    @cached_property
    def request_id(self) -> str | None:
        """The vendor's id for the request, None where it sent none."""
        found = self.headers.get("x-request-id")
        return None if found is None else cut(found, LONGEST_CODE)

    @cached_property
    def retry_after(self) -> float | None:
        """The seconds that ``Retry-After`` asks for, a year at most, or None if it doesn't.

        They are given as a number, or as a date.
        """
        text = self.headers.get("retry-after", "").strip()
        if text.isdecimal():
            return min(float(text), _A_YEAR)
        date = _date(text)
        return None if date is None else min(max(0.0, (date - datetime.now(UTC)).total_seconds()), _A_YEAR)

    @cached_property
    def clock_ahead(self) -> timedelta | None:
        """How far our clock is ahead of the service's, None where it doesn't tell its time."""
        theirs = _date(self.headers.get("date", ""))
        return None if theirs is None else datetime.now(UTC) - theirs


@attrs.define
class Timing:
    """The times of one request, on the monotonic clock. The transport sets them.

    Attributes:
        left: when the request was written to an open connection, or None if that is not known.
        began: when the head of the response had arrived, or None if it has not.
    """

    left: float | None = None
    began: float | None = None


@attrs.frozen
class Stream:
    """A response whose body is still on its way.

    Attributes:
        headers: names are in lower case.
        pieces: the body as it comes. They raise TransportError if it breaks off.
    """

    status: int
    headers: Mapping[str, str]
    pieces: AsyncIterator[bytes]


def _date(text: str) -> datetime | None:
    """Return an HTTP date as an aware time, or None for what isn't one."""
    try:
        date = parsedate_to_datetime(text)
        return date.astimezone(UTC) if date.tzinfo else None
    except (ValueError, OverflowError, TypeError, IndexError):
        return None
