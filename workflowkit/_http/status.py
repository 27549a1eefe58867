"""What the status of an unsuccessful response means, as far as HTTP itself says."""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import ApiError, AuthenticationError, NotFound, PermissionDenied, RateLimited, ServerError
from ..redact import cut, redact_url
from .message import LONGEST_CODE, Response

_KINDS: Mapping[int, type[ApiError]] = {
    401: AuthenticationError,
    403: PermissionDenied,
    404: NotFound,
    429: RateLimited,
}

_TRANSIENT = frozenset({408, 425})


def kind_of_status(status: int) -> type[ApiError]:
    """Return the error class for a status that comes with a code which no table of the vendor's has."""
    return _KINDS.get(status, ServerError if status >= 500 or status in _TRANSIENT else ApiError)


def kind_of_foreign(status: int) -> type[ApiError]:
    """Return the error class for a status without any code of the vendor's: a gateway or a proxy may have answered.

    So 403 and 404 say nothing about permissions, nor about what was requested.
    """
    return ApiError if status in (403, 404) else kind_of_status(status)


def text_of(value: object) -> str | None:
    """Return a JSON value as text, None for null, and for what can't be a code or a message."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return str(value)


def make_error(kind: type[ApiError], message: str, response: Response, *, code: int | str | None = None) -> ApiError:
    """Return an error of the class, with all that the response's head tells."""
    code = cut(code, LONGEST_CODE) if isinstance(code, str) else code
    error = kind(message, code=code, status=response.status, request_id=response.request_id)
    if isinstance(error, RateLimited | ServerError):
        error.retry_after = response.retry_after
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
