"""What a harvest that is to stop drops: whatever merely waits, and has sent nothing.

Requests that were sent are finished. Those that wait, for a slot in a limit, for a pause to end or for a connection,
would only be sent later: the next harvest sends them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, nullcontext
from contextvars import ContextVar


class Stopped(Exception):
    """Something was dropped, since the harvest that it is for is to stop. It never leaves a harvest."""


class Drain:
    """The waits of one harvest."""

    def __init__(self) -> None:
        self.is_stopping: bool = False
        self._waits: dict[asyncio.Timeout, Callable[[], bool]] = {}

    def stop(self) -> None:
        """Drop whatever merely waits, now and from now on."""
        self.is_stopping = True
        now = asyncio.get_running_loop().time()
        for timeout, is_waiting in list(self._waits.items()):
            if is_waiting():
                timeout.reschedule(now)

    @asynccontextmanager
    async def droppable(self, is_waiting: Callable[[], bool]) -> AsyncIterator[None]:
        """Raise Stopped as soon as the harvest is to stop, if there is only waiting by then."""
        if self.is_stopping:
            raise Stopped
        timeout = asyncio.timeout(None)
        try:
            async with timeout:
                self._waits[timeout] = is_waiting
                try:
                    yield
                finally:
                    del self._waits[timeout]
        except TimeoutError:
            if timeout.expired():
                raise Stopped from None
            raise


_drain: ContextVar[Drain | None] = ContextVar("drain", default=None)


@contextmanager
def draining() -> Iterator[Drain]:
    """Give what drops the calls of this task, and of the tasks that it makes meanwhile."""
    drain = Drain()
    before = _drain.set(drain)
    try:
        yield drain
    finally:
        _drain.reset(before)


def droppable(is_waiting: Callable[[], bool]) -> AbstractAsyncContextManager[None]:
    """Return what is entered for a wait: it raises Stopped once this task's harvest is to stop."""
    drain = _drain.get()
    return nullcontext() if drain is None else drain.droppable(is_waiting)


def only_waits() -> bool:
    """Return that there is nothing but waiting."""
    return True
