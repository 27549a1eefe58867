"""How a harvest is doing: a live bar on a terminal, a line every half minute elsewhere."""

from __future__ import annotations

import asyncio
import sys
import time
from collections import deque
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Self

from ..telemetry import HarvestProgress, RequestDone, Telemetry
from .output import say

_EVERY = 30.0
_RECENT = 5.0
_TROUBLE = {"RateLimited": "refused for the rate; waiting", "TransportError": "no answer; trying again"}


class Progress:
    """An observer of client and harvest; enter it to show what they say."""

    def __init__(self) -> None:
        self._latest = HarvestProgress(total=0, listed=False, done=0, failed=0, skipped=0, logs=0, nodes=0, requests=0)
        self._sent: deque[float] = deque()
        self._open = AsyncExitStack()
        self._trouble = ""

    def __call__(self, record: Telemetry) -> None:
        """Take in one record."""
        if isinstance(record, HarvestProgress):
            self._latest = record
        elif isinstance(record, RequestDone):
            self._sent.append(time.monotonic())
            self._trouble = self._trouble if record.error else ""
        else:
            self._trouble = _TROUBLE.get(record.error, "the service fails; trying again")

    @property
    def stored(self) -> int:
        """How many instances this run has stored."""
        return self._latest.done

    async def __aenter__(self) -> Self:
        show = self._live if sys.stderr.isatty() else self._lines
        task = asyncio.create_task(show())
        self._open.callback(task.cancel)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._open.aclose()
        await asyncio.sleep(0)  # let the display take itself down

    def rate(self) -> float:
        """Return the requests per second of the last few seconds."""
        now = time.monotonic()
        while self._sent and self._sent[0] < now - _RECENT:
            self._sent.popleft()
        span = now - self._sent[0] if self._sent else 0.0
        return (len(self._sent) - 1) / span if span > 0 else 0.0

    def line(self) -> str:
        """Return the state in one line."""
        at = self._latest
        finished = at.done + at.failed + at.skipped
        total = f"{at.total:,}" if at.listed else f"{at.total:,} or more"
        failed = f", {at.failed:,} failed" if at.failed else ""
        return f"{finished:,} of {total} instances{failed}, {at.logs:,} logs, {self.rate():.1f} requests/s"

    async def _lines(self) -> None:
        while True:
            await asyncio.sleep(_EVERY)
            say(self.line())

    async def _live(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        columns: list[Any] = [
            TextColumn("harvesting"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]:.1f} requests/s"),
            TextColumn("{task.fields[trouble]}"),
            TimeRemainingColumn(compact=True),
            TextColumn("left"),
        ]
        with Bar(*columns, console=Console(stderr=True)) as bar:
            shown = bar.add_task("harvest", total=None, rate=0.0, trouble="")
            try:
                while True:
                    self._update(bar, shown)
                    await asyncio.sleep(0.2)
            finally:
                self._update(bar, shown)

    def _update(self, bar: Any, shown: Any) -> None:
        at = self._latest
        bar.update(
            shown,
            completed=at.done + at.failed + at.skipped,
            total=at.total or None,
            rate=self.rate(),
            trouble=self._trouble or (f"{at.failed:,} failed" if at.failed else ""),
        )
