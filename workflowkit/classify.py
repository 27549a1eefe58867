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


def kind_of_status(status: int) -> type[ApiError]:
    """Return the error class for a status that comes without a code known to us."""
    return _KINDS.get(status, ServerError if status >= 500 else ApiError)


def make_error(kind: type[ApiError], message: str, response: Response, *, code: int | str | None = None) -> ApiError:
    """Return an error of the class, with all that the response's head tells."""
    error = kind(message, code=code, status=response.status, request_id=request_id(response))
    if isinstance(error, RateLimited | ServerError):
        error.retry_after = retry_after(response)
    return error


def status_error(response: Response) -> ApiError:
    """Return the error an answer without a readable error body stands for."""
    if 300 <= response.status < 400:
        where = redact_url(response.headers.get("location", "nowhere"))
        message = f"redirected to {where}, which is not followed: set base_url to the API's real address"
    else:
        body = (
            "an empty body"
            if not response.content.strip()
            else f"a body that isn't its own ({len(response.content)} bytes)"
        )
        message = f"the service answered with {body}"
        if response.status in (403, 404, 405):
            message += "; does base_url end where the vendor's paths begin?"
    return make_error(kind_of_status(response.status), message, response)


def request_id(response: Response) -> str | None:
    """Return the vendor's id for this exchange, None where it sent none."""
    return response.headers.get("x-request-id")


def retry_after(response: Response) -> float | None:
    """Return the seconds that ``Retry-After`` asks for, given as seconds or as a date; None if it doesn't."""
    text = response.headers.get("retry-after", "").strip()
    if text.isdecimal():
        return float(text)
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return max(0.0, (date - datetime.now(UTC)).total_seconds()) if date.tzinfo else None


def clock_ahead(response: Response) -> timedelta | None:
    """Return how far our clock is ahead of the service's, None where it doesn't tell its time."""
    try:
        theirs = parsedate_to_datetime(response.headers["date"])
        return datetime.now(UTC) - theirs if theirs.tzinfo else None
    except (KeyError, ValueError, OverflowError):
        return None
