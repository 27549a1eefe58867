"""What an unsuccessful HTTP answer means, as far as HTTP itself says."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from .errors import ApiError, AuthenticationError, NotFound, PermissionDenied, RateLimited, ServerError
from .exchange import Response
from .redact import redact_url

_KINDS: Mapping[int, type[ApiError]] = {
    401: AuthenticationError,
    403: PermissionDenied,
    404: NotFound,
    429: RateLimited,
}

_TRANSIENT = frozenset({408, 425})
_LONGEST_MESSAGE = 1000
_LONGEST_CODE = 100
_A_YEAR = 366 * 86_400.0


def kind_of_status(status: int) -> type[ApiError]:
    """Return the error class for a status that comes with a code which no table of the vendor's has."""
    return _KINDS.get(status, ServerError if status >= 500 or status in _TRANSIENT else ApiError)


def kind_of_foreign(status: int) -> type[ApiError]:
    """Return the error class for a status without any code of the vendor's: a gateway or a proxy may have answered.

    So 403 and 404 say nothing about permissions, nor about what was requested.
    """
    return ApiError if status in (403, 404) else kind_of_status(status)


def cut(text: str, most: int = _LONGEST_MESSAGE) -> str:
    """Return a text of a length that is fit for people, whatever a service sends."""
    return text if len(text) <= most else f"{text[:most]}... ({len(text):,} characters)"


def text_of(value: object) -> str | None:
    """Return a JSON value as text, None for null, and for what can't be a code or a message."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return str(value)


def make_error(kind: type[ApiError], message: str, response: Response, *, code: int | str | None = None) -> ApiError:
    """Return an error of the class, with all that the response's head tells."""
    code = cut(code, _LONGEST_CODE) if isinstance(code, str) else code
    error = kind(message, code=code, status=response.status, request_id=request_id(response))
    if isinstance(error, RateLimited | ServerError):
        error.retry_after = retry_after(response)
    return error


def status_error(response: Response) -> ApiError:
    """Return the error a response without a readable error body stands for."""
    if 300 <= response.status < 400:
        where = redact_url(response.headers.get("location", "nowhere"))
        message = f"redirected to {cut(where)}, which is not followed: set base_url to the API's real address"
    else:
        body = (
            "an empty body"
            if not response.content.strip()
            else f"a body that isn't its own ({len(response.content)} bytes)"
        )
        message = f"the service answered with {body}"
        if response.status in (403, 404, 405):
            message += "; does base_url end where the vendor's paths begin? A proxy or a firewall may have answered"
    error = make_error(kind_of_foreign(response.status), message, response)
    error.foreign = True
    return error


def request_id(response: Response) -> str | None:
    """Return the vendor's id for this exchange, None where it sent none."""
    found = response.headers.get("x-request-id")
    return None if found is None else cut(found, _LONGEST_CODE)


def retry_after(response: Response) -> float | None:
    """Return the seconds that ``Retry-After`` asks for, a year at most, or None if it doesn't.

    They are given as a number, or as a date.
    """
    text = response.headers.get("retry-after", "").strip()
    if text.isdecimal():
        return min(float(text), _A_YEAR)
    date = _date(text)
    return None if date is None else min(max(0.0, (date - datetime.now(UTC)).total_seconds()), _A_YEAR)


def clock_ahead(response: Response) -> timedelta | None:
    """Return how far our clock is ahead of the service's, None where it doesn't tell its time."""
    theirs = _date(response.headers.get("date", ""))
    return None if theirs is None else datetime.now(UTC) - theirs


def _date(text: str) -> datetime | None:
    """Return an HTTP date as an aware time, or None for what isn't one."""
    try:
        date = parsedate_to_datetime(text)
        return date.astimezone(UTC) if date.tzinfo else None
    except (ValueError, OverflowError, TypeError, IndexError):
        return None
