"""The progress of a harvest, and its summary."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

import attrs

from ..archive.listed import Enqueued
from ..source import Batch, LogRow, NodeRow, TaskRow
from ..telemetry import HarvestCounts, HarvestProgress, Observer, notify

_COUNTED = tuple(field.name for field in attrs.fields(HarvestCounts))


@attrs.frozen(kw_only=True)
class Summary(HarvestCounts):
    """What a harvest did.

    Attributes:
        stopped: whether `stop` ended it early. The same call continues from there.
    """

    stopped: bool


@attrs.define
class SourceProgress:
    """The counts of one source: those of `HarvestCounts`, and what else `HarvestProgress` is made of.

    Attributes:
        rate: requests per second that reading its instances may take, or None for no limit.
        publish: sends the progress of the whole harvest to its observers.
        saves_files: whether the files are saved that its rows link to.
        deadline: when the first of the links expires: of all that came, or if files are saved, of those that wait.
    """

    rate: float | None
    publish: Callable[[], None]
    total: int = 0
    listed: bool = False
    spent: int = 0
    saves_files: bool = False
    deadline: datetime | None = None
    done: int = 0
    failed: int = 0
    skipped: int = 0
    without_instance: int = 0
    logs: int = 0
    tasks: int = 0
    nodes: int = 0
    requests: int = 0
    requests_saved: int = 0
    files: int = 0
    file_bytes: int = 0
    files_waiting: int = 0
    files_lost: int = 0

    def enqueue(self, enqueued: Enqueued) -> None:
        """Count the instances that were listed."""
        self.total += enqueued.queued + enqueued.done + enqueued.failed
        self.skipped += enqueued.done
        self.failed += enqueued.failed
        self.without_instance += enqueued.without_instance
        self.requests_saved += enqueued.requests_saved

    def store(self, batch: Batch, *, after: int) -> None:
        """Count what was stored. Logs before the position were stored before."""
        self.spend(batch.requests)
        for row in batch.rows:
            if isinstance(row, LogRow):
                self.logs += row.position >= after
            elif isinstance(row, TaskRow):
                self.tasks += 1
            elif isinstance(row, NodeRow):
                self.nodes += 1
            elif row.expires_at is not None and not self.saves_files:
                self.deadline = min(self.deadline or row.expires_at, row.expires_at)

    def spend(self, requests: int) -> None:
        """Count the requests for an instance."""
        self.requests += requests
        self.spent += requests

    def seconds_left(self) -> float | None:
        """Return how long the rest takes at the rate, or None if that can't be told."""
        if not self.listed or self.rate is None:
            return None
        left = self.total - self.done - self.failed - self.skipped
        each = self.spent / self.done if self.done else 1.0
        return left * each / self.rate


class Progress:
    """The progress of all sources, and the observers.

    Attributes:
        sources: the counts of each source, in their order.
    """

    def __init__(self, rates: Sequence[float | None], observers: Sequence[Observer]) -> None:
        self.sources: list[SourceProgress] = [SourceProgress(rate, self.publish) for rate in rates]
        self._observers = observers

    def publish(self) -> None:
        """Send the progress to the observers."""
        if not self._observers:
            return
        left = [source.seconds_left() for source in self.sources]
        rates = [source.rate for source in self.sources]
        deadlines = [source.deadline for source in self.sources if source.deadline]
        record = HarvestProgress(
            total=sum(source.total for source in self.sources),
            listed=all(source.listed for source in self.sources),
            spent=sum(source.spent for source in self.sources),
            rate_limit=None if None in rates else sum(filter(None, rates)),
            seconds_left=None if None in left else max(filter(None, left), default=0.0),
            next_deadline=min(deadlines, default=None),
            **self._counts(),
        )
        notify(self._observers, record)

    def summary(self, *, stopped: bool) -> Summary:
        """Return the final counts."""
        return Summary(stopped=stopped, **self._counts())

    def _counts(self) -> dict[str, int]:
        return {name: sum(getattr(source, name) for source in self.sources) for name in _COUNTED}
