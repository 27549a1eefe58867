"""What an error means to who called a command: the exit code, and what to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ..errors import (
    AuthenticationError,
    ConfigError,
    InvalidRequest,
    NotFound,
    PermissionDenied,
    QuotaExceeded,
    RateLimited,
    ServerError,
    TransportError,
    WorkflowKitError,
)

_EXIT_CODES: Sequence[tuple[tuple[type[WorkflowKitError], ...], int]] = (
    ((ConfigError,), 2),
    ((AuthenticationError, PermissionDenied), 4),
    ((TransportError, ServerError, RateLimited, QuotaExceeded), 5),
)

_HINTS: Mapping[tuple[str, type[WorkflowKitError]], str] = {
    ("jodoo", AuthenticationError): "check JODOO_API_KEY, and that JODOO_EDITION or JODOO_BASE_URL is that of the key",
    ("jodoo", NotFound): "check the id, and that it belongs to the company of JODOO_API_KEY",
    ("secmaster", NotFound): "check the id, and that it belongs to SECMASTER_WORKSPACE_ID",
    ("secmaster", PermissionDenied): "check SECMASTER_WORKSPACE_ID, and what these credentials may see",
}
"""What to do, by system, where neither the service's own words nor the error's say."""


def exit_code_of(error: WorkflowKitError) -> int:
    """Return the exit code that tells scripts of the error. An argument that was refused unsent is wrong usage."""
    if isinstance(error, InvalidRequest) and error.status is None:
        return 2
    return next((code for kinds, code in _EXIT_CODES if isinstance(error, kinds)), 1)


def hints_for(error: WorkflowKitError) -> Iterator[str]:
    """Yield what to do about an error that doesn't say so itself."""
    if not error.hint:
        asked = (error.endpoint or "").partition(".")[0]
        yield from (hint for (system, kind), hint in _HINTS.items() if asked == system and isinstance(error, kind))
