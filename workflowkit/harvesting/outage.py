"""How long to wait while the service fails, whatever is asked of it."""

from __future__ import annotations

import asyncio
import time

from ..errors import (
    ApiError,
    AuthenticationError,
    ConfigError,
    HarvestError,
    QuotaExceeded,
    RateLimited,
    ServerError,
    TransportError,
    WorkflowKitError,
)

_FATAL = (AuthenticationError, QuotaExceeded, ConfigError, HarvestError)
_TRANSIENT = (TransportError, ServerError, RateLimited)

_SHORTEST, _LONGEST = 1.0, 60.0


def is_fatal(error: WorkflowKitError) -> bool:
    """Return whether nothing further can succeed before something is changed."""
    return isinstance(error, _FATAL) or (isinstance(error, TransportError) and error.permanent)


def is_transient(error: WorkflowKitError) -> bool:
    """Return whether the error may pass by itself: asking again later may help.

    A response that isn't the service's own, such as the page of a proxy, says nothing about an instance. So it is
    transient as well, whatever its status.
    """
    if is_fatal(error):
        return False
    return isinstance(error, _TRANSIENT) or (isinstance(error, ApiError) and error.foreign)


def is_general(error: WorkflowKitError) -> bool:
    """Return whether the error says nothing about what was requested: all else fails as well, now or for good."""
    of_one_instance = isinstance(error, ServerError) and error.subject_only
    return is_fatal(error) or (is_transient(error) and not of_one_instance)


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
        """Wait until the next try makes sense, or the outage is over. Raise the error if it has lasted too long."""
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
