"""What a harvest did, and does."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from ..source import Batch, LogRow, NodeRow, TaskRow
from ..telemetry import HarvestProgress, Observer, notify
from .run import Named


@attrs.frozen(kw_only=True)
class Summary:
    """What a harvest did.

    Attributes:
        done: instances harvested.
        failed: instances recorded as failed, now or, without `retry_failed`, by an earlier run;
            `Archive.failures` names them.
        skipped: instances that an earlier run had harvested.
        logs: rows of logs stored.
        tasks: rows of tasks stored.
        nodes: rows of nodes stored.
        requests: sent, retries and listings included.
        stopped: whether `stop` ended it early; the same call goes on from there.
    """

    done: int
    failed: int
    skipped: int
    logs: int
    tasks: int = 0
    nodes: int = 0
    requests: int
    stopped: bool


_COUNTED = ("done", "failed", "skipped", "logs", "tasks", "nodes", "requests")


class Tally:
    """Counts for all sources of one harvest, and tells the observers."""

    def __init__(self, sources: int, observers: Sequence[Observer]) -> None:
        self.listing: int = sources
        self.total: int = 0
        self.done: int = 0
        self.failed: int = 0
        self.skipped: int = 0
        self.logs: int = 0
        self.tasks: int = 0
        self.nodes: int = 0
        self.requests: int = 0
        self._observers = observers

    def name(self, named: Named) -> None:
        """Take in what was named."""
        self.total += named.queued + named.done + named.failed
        self.skipped += named.done
        self.failed += named.failed

    def store(self, batch: Batch, *, after: int) -> None:
        """Take in what was stored; logs before that position were there already."""
        self.requests += batch.requests
        self.logs += sum(isinstance(row, LogRow) and row.position >= after for row in batch.rows)
        self.tasks += sum(isinstance(row, TaskRow) for row in batch.rows)
        self.nodes += sum(isinstance(row, NodeRow) for row in batch.rows)

    def tell(self) -> None:
        """Report where the harvest stands."""
        notify(self._observers, HarvestProgress(total=self.total, listed=self.listing == 0, **self._counts()))

    def summary(self, *, stopped: bool) -> Summary:
        """Return the final counts."""
        return Summary(stopped=stopped, **self._counts())

    def _counts(self) -> dict[str, int]:
        return {name: getattr(self, name) for name in _COUNTED}
