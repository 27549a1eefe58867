"""How a harvest is doing: a live bar on a terminal, a line every half minute elsewhere."""

from __future__ import annotations

import asyncio
import json
import math
import sys
import time
from collections import deque
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Self

import attrs

from ..telemetry import HarvestProgress, RequestDone, Telemetry
from .output import duration, megabytes, say, show_time

_EVERY = 30.0
_EVERY_JSON = 1.0
_RECENT = 5.0
_SAMPLE = 0.1
_TROUBLE = {"RateLimited": "refused for the rate; waiting", "TransportError": "no response; trying again"}


class Progress:
    """An observer of client and harvest. Enter it to show what they say."""

    def __init__(self, *, as_json: bool = False) -> None:
        self._latest = HarvestProgress(total=0, listed=False, done=0, failed=0, skipped=0, logs=0, requests=0)
        self._as_json = as_json
        self._spent: deque[tuple[float, int]] = deque(maxlen=round(_RECENT / _SAMPLE) + 2)
        self._open = AsyncExitStack()
        self._trouble = ""

    def __call__(self, record: Telemetry) -> None:
        """Take in one record."""
        if isinstance(record, HarvestProgress):
            self._latest = record
            now = time.monotonic()
            if not self._spent or now >= self._spent[-1][0] + _SAMPLE:
                self._spent.append((now, record.spent))
        elif isinstance(record, RequestDone):
            self._trouble = self._trouble if record.error else ""
        else:
            self._trouble = _TROUBLE.get(record.error, "the service fails; trying again")

    async def __aenter__(self) -> Self:
        show = self._json if self._as_json else self._live if sys.stderr.isatty() else self._lines
        task = asyncio.create_task(show())
        self._open.callback(task.cancel)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._open.aclose()
        await asyncio.sleep(0)  # let the display take itself down

    def rate(self) -> float:
        """Return the requests per second that instances took in the last few seconds.

        A second that has begun counts whole: all its requests may be sent at once.
        """
        now = time.monotonic()
        while len(self._spent) > 1 and self._spent[1][0] < now - _RECENT:
            self._spent.popleft()
        if not self._spent or now <= (began := self._spent[0][0]):
            return 0.0
        return (self._latest.spent - self._spent[0][1]) / math.ceil(now - began)

    def line(self) -> str:
        """Return the state in one line."""
        at = self._latest
        finished = at.done + at.failed + at.skipped
        total = f"{at.total:,}" if at.listed else f"{at.total:,} or more"
        return ", ".join([f"{finished:,} of {total} instances", *self._details()])

    def _details(self) -> list[str]:
        at = self._latest
        rows = [(at.failed, "not readable"), (at.logs, "logs"), (at.tasks, "tasks"), (at.nodes, "nodes")]
        rows += [(at.files, "files"), (at.files_waiting, "files pending"), (at.files_lost, "files lost")]
        details = [f"{number:,} {name}" for number, name in rows if number]
        if at.file_bytes:
            details.append(megabytes(at.file_bytes))
        details.append(f"{self.rate():.1f} requests/s" + (f" of {at.rate_limit:g}" if at.rate_limit else ""))
        if self._trouble:
            details.append(self._trouble)
        if at.seconds_left is not None:
            details.append(f"{duration(at.seconds_left)} left")
        if at.next_deadline is not None:
            details.append(f"links expire from {show_time(at.next_deadline)} on")
        return details

    async def _json(self) -> None:
        try:
            while True:
                await asyncio.sleep(_EVERY_JSON)
                self._say_json()
        finally:
            self._say_json()

    def _say_json(self) -> None:
        record = attrs.asdict(self._latest)
        deadline = self._latest.next_deadline
        record["next_deadline"] = None if deadline is None else deadline.isoformat()
        say(json.dumps({**record, "rate": round(self.rate(), 1), "trouble": self._trouble or None}))

    async def _lines(self) -> None:
        while True:
            await asyncio.sleep(_EVERY)
            say(self.line())

    async def _live(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
        from rich.progress import Progress as Bar
        from rich.table import Column

        rest = Column(ratio=1, no_wrap=True, overflow="ellipsis")
        details = TextColumn("{task.fields[details]}", table_column=rest)
        with Bar(BarColumn(20), MofNCompleteColumn(), details, console=Console(stderr=True), expand=True) as bar:
            shown = bar.add_task("harvest", total=None, details="")
            try:
                while True:
                    self._update(bar, shown)
                    await asyncio.sleep(0.2)
            finally:
                self._update(bar, shown)

    def _update(self, bar: Any, shown: Any) -> None:
        at = self._latest
        finished = at.done + at.failed + at.skipped
        bar.update(shown, completed=finished, total=at.total or None, details=", ".join(self._details()))
