"""A circuit breaker: when requests fail, it decides whether the service or a single item is at fault.

An item is an instance, or a link to a file. If it fails with an error that may also be the service's, it is
**held**: it isn't tried again until something else succeeds. Each such success is a strike against the item,
since the service works. An item with three strikes is given up.

The service may be down if as many items are held as there are workers, or if nothing else is left to try.
Then a **probe** finds out: it requests an instance, or a file, that the service has returned before. The
pauses between probes grow, from a second to a minute.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing

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
from ..source import Source
from .progress import SourceProgress

_PERMANENT = (AuthenticationError, QuotaExceeded, ConfigError, HarvestError)
_TRANSIENT = (TransportError, ServerError, RateLimited)

_SHORTEST, _LONGEST = 1.0, 60.0
"""Seconds of the first pause, and of the longest."""

_STRIKES = 3

FEWEST = 3
"""Items that must be held before the service may be down, even if there is only one worker."""


def is_permanent(error: WorkflowKitError) -> bool:
    """Return whether nothing can succeed before something is changed: a key, an allowance, a disk."""
    return isinstance(error, _PERMANENT) or (isinstance(error, TransportError) and error.permanent)


def is_transient(error: WorkflowKitError) -> bool:
    """Return whether the error may pass by itself, so that a later request may succeed.

    A response that isn't the service's own, such as the page of a proxy, says nothing about an instance. So it is
    transient as well, whatever its status.
    """
    if is_permanent(error):
        return False
    return isinstance(error, _TRANSIENT) or (isinstance(error, ApiError) and error.foreign)


def is_general(error: WorkflowKitError) -> bool:
    """Return whether the error may concern every item, not only the one that was requested."""
    of_one_instance = isinstance(error, ServerError) and error.item_only
    return is_permanent(error) or (is_transient(error) and not of_one_instance)


class Breaker:
    """The items that failed, and the pauses while the service is down.

    Attributes:
        held: the latest error of each item that is held.

    Args:
        stop: ends each pause.
        longest: seconds after which an outage that isn't over is an error.
    """

    def __init__(self, stop: asyncio.Event, longest: float) -> None:
        self.held: dict[str, WorkflowKitError] = {}
        self._strikes: dict[str, int] = {}
        self._stop = stop
        self._longest = longest
        self._began: float | None = None  # of the outage
        self._pause = _SHORTEST
        self._over = asyncio.Event()

    def is_open(self, workers: int) -> bool:
        """Return whether so many items are held that the service may be down: then only a probe is sent."""
        return len(self.held) >= max(workers, FEWEST)

    def hold(self, item: str, error: WorkflowKitError) -> None:
        """Hold an item that failed."""
        self.held[item] = error

    def release(self) -> set[str]:
        """Return all held items, so that they are tried again. None of them gets a strike."""
        held, self.held = self.held, {}
        return set(held)

    def succeeded(self, item: str | None) -> tuple[set[str], dict[str, WorkflowKitError]]:
        """Record that the item, or a probe, has succeeded, which ends an outage.

        Returns the items that may be tried again, and those that are given up with their errors.
        """
        if self._began is not None:
            self._began = None
            self._pause = _SHORTEST
            self._over.set()
        if item is not None:
            self._strikes.pop(item, None)
        if not self.held:
            return set(), {}
        held, self.held = self.held, {}
        for each in held:
            self._strikes[each] = self._strikes.get(each, 0) + 1
        given_up = {each: held[each] for each in held if self._strikes[each] >= _STRIKES}
        for each in given_up:
            del self._strikes[each]
        return held.keys() - given_up.keys(), given_up

    async def pause(self, error: WorkflowKitError) -> None:
        """Wait until the next probe makes sense, or the outage is over. Raise the error if it has lasted too long."""
        now = time.monotonic()
        if self._began is None:
            self._began = now
            self._over.clear()
        if now - self._began >= self._longest:
            raise error
        pause, self._pause = self._pause, min(_LONGEST, 2 * self._pause)
        waiting = [asyncio.create_task(each.wait()) for each in (self._stop, self._over)]
        try:
            await asyncio.wait(waiting, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()


async def probe(
    source: Source, instance_id: str, progress: SourceProgress, *, after: int | None = None, most: int = 2
) -> None:
    """Request an instance that the service has returned before. It works if nothing is raised.

    By default this reads the first two batches, which cover every kind of row. An error that concerns only this
    instance is a response as well. Every error that may concern all instances is raised.
    """
    try:
        async with aclosing(source.batches(instance_id, after)) as batches:
            for _ in range(most):
                batch = await anext(batches, None)
                progress.requests += batch.requests if batch else 0
    except WorkflowKitError as error:
        progress.requests += error.attempts
        if is_general(error):
            raise
