"""What an error means to who called a command: the exit code, and what to do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..errors import (
    AuthenticationError,
    ConfigError,
    InvalidRequest,
    PermissionDenied,
    QuotaExceeded,
    RateLimited,
    ServerError,
    TransportError,
    WorkflowKitError,
)
from .systems import system_of

_EXIT_CODES: Sequence[tuple[tuple[type[WorkflowKitError], ...], int]] = (
    ((ConfigError,), 2),
    ((AuthenticationError, PermissionDenied), 4),
    ((TransportError, ServerError, RateLimited, QuotaExceeded), 5),
)


def exit_code_of(error: WorkflowKitError) -> int:
    """Return the exit code that tells scripts of the error. An argument that was refused unsent is wrong usage."""
    if isinstance(error, InvalidRequest) and error.status is None:
        return 2
    return next((code for kinds, code in _EXIT_CODES if isinstance(error, kinds)), 1)


def hints_for(error: WorkflowKitError) -> Iterator[str]:
    """Yield what to do about an error that doesn't say so itself."""
    system = system_of((error.endpoint or "").partition(".")[0])
    if system is not None and not error.hint:
        yield from (hint for kind, hint in system.hints.items() if isinstance(error, kind))
