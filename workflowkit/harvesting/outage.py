"""How long to wait while the service fails, whatever is asked of it."""

from __future__ import annotations

import asyncio
import time

from ..errors import (
    AuthenticationError,
    ConfigError,
    HarvestError,
    QuotaExceeded,
    RateLimited,
    ServerError,
    TransportError,
    WorkflowKitError,
)

FATAL = (AuthenticationError, QuotaExceeded, ConfigError, HarvestError)
"""After what nothing further can succeed now."""

PASSING = (TransportError, ServerError, RateLimited)
"""What may pass by itself, but for what a service says of one instance only."""

_SHORTEST, _LONGEST = 1.0, 60.0


def may_pass(error: WorkflowKitError) -> bool:
    """Return whether asking again later may help."""
    return isinstance(error, PASSING) and not (isinstance(error, ServerError) and error.subject_only)


def is_general(error: WorkflowKitError) -> bool:
    """Return whether it says nothing of what was asked for: all else fails as well, now or for good."""
    return isinstance(error, FATAL) or may_pass(error)


class Outage:
    """Pauses between tries: a second, then twice as long each time, up to a minute.

    Args:
        stop: ends each pause.
        most: seconds after which an outage that isn't over is an error.
    """

    def __init__(self, stop: asyncio.Event, most: float) -> None:
        self._stop = stop
        self._most = most
        self._began: float | None = None
        self._pause = _SHORTEST
        self._over = asyncio.Event()

    async def wait(self, error: WorkflowKitError) -> None:
        """Wait until the next try makes sense, or the outage is over; raise the error if it has lasted too long."""
        now = time.monotonic()
        if self._began is None:
            self._began = now
            self._over.clear()
        if now - self._began >= self._most:
            raise error
        pause, self._pause = self._pause, min(_LONGEST, 2 * self._pause)
        waiting = [asyncio.create_task(each.wait()) for each in (self._stop, self._over)]
        try:
            await asyncio.wait(waiting, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()

    def end(self) -> None:
        """Say that the service has answered."""
        if self._began is not None:
            self._began = None
            self._pause = _SHORTEST
            self._over.set()
