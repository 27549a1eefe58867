"""Running a command's coroutine so that nothing holds up its end: not even a name lookup that hangs."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")


class _Threads(ThreadPoolExecutor):
    """Threads that nobody waits for at the end: whatever matters was awaited before."""

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002
        """Take no further work."""
        super().shutdown(wait=False, cancel_futures=cancel_futures)


def run_async(main: Coroutine[Any, Any, T]) -> T:
    """Return what the coroutine returns, as `asyncio.run` does."""
    with asyncio.Runner() as runner:
        runner.get_loop().set_default_executor(_Threads())
        return runner.run(main)
