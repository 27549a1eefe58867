"""The progress of a harvest, and its summary."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import attrs

from ..source import Batch, LogRow, NodeRow, TaskRow
from ..telemetry import HarvestProgress, Observer, notify
from .run import Enqueued


@attrs.frozen(kw_only=True)
class Summary:
    """What a harvest did.

    Attributes:
        done: instances harvested.
        failed: instances recorded as failed, now or, without `retry_failed`, by an earlier run.
            `Archive.failures` names them.
        skipped: instances that an earlier run had harvested.
        logs: rows of logs stored.
        tasks: rows of tasks stored.
        nodes: rows of nodes stored.
        requests: sent, retries and listings included.
        saved: requests that harvesting the skipped ones took, and which were not sent again.
        files: files saved.
        file_bytes: how large those are together.
        files_waiting: files that are still to be saved, or 0 if none were to be.
        files_lost: files that can't be had any more, earlier runs' included, or 0 if none were to be saved.
        stopped: whether `stop` ended it early. The same call continues from there.
    """

    done: int
    failed: int
    skipped: int
    logs: int
    tasks: int = 0
    nodes: int = 0
    requests: int
    saved: int = 0
    files: int = 0
    file_bytes: int = 0
    files_waiting: int = 0
    files_lost: int = 0
    stopped: bool


_FILES = ("files", "file_bytes", "files_waiting", "files_lost")
_COUNTED = ("done", "failed", "skipped", "logs", "tasks", "nodes", "requests", "saved", *_FILES)


@attrs.define
class Counters:
    """The progress of one source in a harvest.

    Attributes:
        rate: requests per second that reading its instances may take, or None for no limit.
        spent: requests for instances, of all requests.
        deadline: when the first of the links expires: of all that came, or if files are saved, of those that wait.
    """

    rate: float | None
    total: int = 0
    listed: bool = False
    done: int = 0
    failed: int = 0
    skipped: int = 0
    logs: int = 0
    tasks: int = 0
    nodes: int = 0
    requests: int = 0
    saved: int = 0
    spent: int = 0
    saves_files: bool = False
    files: int = 0
    file_bytes: int = 0
    files_waiting: int = 0
    files_lost: int = 0
    deadline: datetime | None = None

    def enqueue(self, enqueued: Enqueued) -> None:
        """Count the instances that were listed."""
        self.total += enqueued.queued + enqueued.done + enqueued.failed
        self.skipped += enqueued.done
        self.failed += enqueued.failed
        self.saved += enqueued.saved

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


class Report:
    """The counters of all sources, and the observers."""

    def __init__(self, all_counters: Sequence[Counters], observers: Sequence[Observer]) -> None:
        self._all_counters = all_counters
        self._observers = observers

    def publish(self) -> None:
        """Send the progress to the observers."""
        if not self._observers:
            return
        left = [counters.seconds_left() for counters in self._all_counters]
        rates = [counters.rate for counters in self._all_counters]
        record = HarvestProgress(
            total=sum(counters.total for counters in self._all_counters),
            listed=all(counters.listed for counters in self._all_counters),
            spent=sum(counters.spent for counters in self._all_counters),
            quota=None if None in rates else sum(filter(None, rates)),
            seconds_left=None if None in left else max(filter(None, left), default=0.0),
            next_deadline=min(
                (counters.deadline for counters in self._all_counters if counters.deadline), default=None
            ),
            **self._counts(),
        )
        notify(self._observers, record)

    def summary(self, *, stopped: bool) -> Summary:
        """Return the final counts."""
        return Summary(stopped=stopped, **self._counts())

    def _counts(self) -> dict[str, int]:
        return {name: sum(getattr(counters, name) for counters in self._all_counters) for name in _COUNTED}
