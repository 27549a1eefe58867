"""Running a command's coroutine so that nothing holds up its end: not even a name lookup that hangs."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")


class _Threads(ThreadPoolExecutor):
    """Threads that nobody waits for at the end: whatever matters was awaited before."""

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002
        """Take no further work."""
        super().shutdown(wait=False, cancel_futures=cancel_futures)


def run_async(main: Coroutine[Any, Any, T]) -> T:
    """Return what the coroutine returns, as `asyncio.run` does. Ctrl-C cancels it and raises KeyboardInterrupt.

    The handler of `asyncio.run` doesn't wake the loop: a signal that comes just before the loop waits isn't seen.
    """
    interrupts: list[int] = []

    async def interruptible() -> T:
        task = asyncio.current_task()

        def interrupt() -> None:
            if task is None or interrupts:
                raise KeyboardInterrupt
            interrupts.append(signal.SIGINT)
            task.cancel()

        handle(signal.SIGINT, interrupt)
        return await main

    with asyncio.Runner() as runner:
        runner.get_loop().set_default_executor(_Threads())
        try:
            return runner.run(interruptible())
        except asyncio.CancelledError:
            if interrupts:
                raise KeyboardInterrupt from None
            raise


def handle(number: int, callback: Callable[[], None]) -> None:
    """Let the running loop call this at the signal, unless whoever started the process has it ignored."""
    if signal.getsignal(number) is signal.SIG_IGN:
        return
    with suppress(NotImplementedError):  # on Windows, a signal ends the process at once
        asyncio.get_running_loop().add_signal_handler(number, callback)
