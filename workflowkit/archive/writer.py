"""One thread that owns the database connection. Everybody else calls it and awaits the result.

A database blocks, so it may not run in the event loop. SQLite has one writer, so one thread is enough.
Whatever has queued up while it was busy shares the next transaction: one sync to disk for all
(group commit). If one of them fails, each is done once more, in a transaction of its own.
"""

from __future__ import annotations

import asyncio
import os
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Generic, TypeVar

import attrs

from ..errors import HarvestError
from .connection import Connection

T = TypeVar("T")
C = TypeVar("C", bound=Connection)

_GROUP = 256
"""Most calls that share a transaction, so that a flood can't postpone every commit."""


@attrs.define(eq=False)
class _Call:
    function: Callable[[Connection], Any]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]
    result: Any = None
    error: Exception | None = None

    def settle(self) -> None:
        """Settle the future, in its loop."""
        if self.future.done():  # whoever called has gone
            return
        if self.error is None:
            self.future.set_result(self.result)
        else:
            self.future.set_exception(self.error)


class Writer(Generic[C]):
    """Runs functions on one connection, in order, each in a transaction.

    Args:
        connect: opens the connection.
        begin: begins a transaction. It may wait for a lock, until the function that it is given returns true.
        disconnect: closes the connection.
    """

    def __init__(
        self,
        connect: Callable[[], C],
        begin: Callable[[C, Callable[[], bool]], object],
        disconnect: Callable[[C], None],
    ) -> None:
        self._closing = threading.Event()
        self._connect = connect
        self._disconnect = disconnect
        self._begin = begin
        self._process = os.getpid()
        self._calls: queue.SimpleQueue[_Call | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="workflowkit-archive", daemon=True)
        self._thread.start()

    async def call(self, function: Callable[[Connection], T]) -> T:
        """Return the function's result once its transaction is committed, or raise what failed.

        It may be called twice, what it did the first time being undone.
        If the caller is cancelled meanwhile, the function still runs: whole, as if it had come later.
        """
        if self._process != os.getpid():
            raise HarvestError("an archive can't be used after a fork: open it in the process that uses it")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._calls.put(_Call(function, loop, future))
        return await future

    async def close(self) -> None:
        """Finish what was called so far, then close the connection."""
        if self._process != os.getpid():  # the thread is the other process's
            return
        self._closing.set()
        self._calls.put(None)
        await asyncio.to_thread(self._thread.join)

    def _work(self) -> None:
        connection: C | None = None
        failure: Exception | None = None
        try:
            connection = self._connect()
        except Exception as error:
            failure = error
        while (call := self._calls.get()) is not None:
            group, ended = self._group(call)
            if connection is None:
                for each in group:
                    each.error = failure
            else:
                self._transact(connection, group)
            _deliver(group)
            if ended:
                break
        if connection is not None:
            self._disconnect(connection)

    def _group(self, first: _Call) -> tuple[list[_Call], bool]:
        """Return the call with all that wait behind it, and whether the end was among them."""
        group = [first]
        while len(group) < _GROUP and not self._calls.empty():
            call = self._calls.get()
            if call is None:
                return group, True
            group.append(call)
        return group, False

    def _transact(self, connection: C, group: list[_Call]) -> None:
        try:
            self._begin(connection, self._closing.is_set)
        except Exception as error:  # locked, for one: the same for all of them
            for call in group:
                call.error = error
            return
        failure = _attempt(connection, group)
        if failure is not None and len(group) == 1:
            group[0].error = failure
        elif failure is not None:
            for call in group:
                self._transact(connection, [call])


def _attempt(connection: Connection, group: list[_Call]) -> Exception | None:
    try:
        for call in group:
            call.result = call.function(connection)
        connection.commit()
    except Exception as error:
        with suppress(Exception):  # a full disk, for one, has undone it
            connection.rollback()
        return error
    return None


def _deliver(group: list[_Call]) -> None:
    for loop in {call.loop for call in group}:
        with suppress(RuntimeError):  # it is closed
            loop.call_soon_threadsafe(_settle, [call for call in group if call.loop is loop])


def _settle(calls: list[_Call]) -> None:
    for call in calls:
        call.settle()
