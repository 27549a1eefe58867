"""What a client says it is doing: frozen records, handed to plain callables.

Progress bars, logs and metrics are all observers of the same records. An observer is called
synchronously in the event loop, so it must be quick. One that raises is logged once and
otherwise ignored, because watching a request must not change its outcome.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import datetime

import attrs

_log = logging.getLogger("workflowkit")


@attrs.frozen(kw_only=True)
class RequestDone:
    """One attempt has ended.

    Attributes:
        endpoint: the operation's name.
        tenant: whose rate limit it used.
        attempt: 1 for the first.
        status: the HTTP status, `None` if no response came.
        error: the name of the error class (``CancelledError`` if the caller went away), `None` on success.
        waited: seconds spent waiting for the limits.
        elapsed: seconds from sending to the decoded response.
        size: bytes of the response's body.
        request_id: the vendor's id for the request, where it sends one.
        ahead: seconds by which this machine's clock is ahead of the service's, to a second and the response's way, None
            where it doesn't tell its time.
    """

    endpoint: str
    tenant: str
    attempt: int
    status: int | None
    error: str | None
    waited: float
    elapsed: float
    size: int
    request_id: str | None
    ahead: float | None = None


@attrs.frozen(kw_only=True)
class Retrying:
    """A failed attempt will be repeated, not sooner than after `delay` seconds."""

    endpoint: str
    tenant: str
    attempt: int
    delay: float
    error: str


@attrs.frozen(kw_only=True)
class HarvestCounts:
    """What a harvest has done so far.

    Attributes:
        done: instances harvested.
        failed: instances that could not be read, now or, without `retry_failed`, in an earlier run.
            `Archive.failures` lists them.
        skipped: instances that an earlier run had harvested.
        without_instance: records that were left out, since they have no workflow instance.
        logs: rows of logs stored.
        tasks: rows of tasks stored.
        nodes: rows of nodes stored.
        requests: sent, retries and listings included.
        requests_saved: requests that harvesting the skipped ones took, and which were not sent again.
        files: files saved.
        file_bytes: how large those are together.
        files_waiting: files that are still to be saved, or 0 if none were to be. While the harvest runs, this is as of
            some seconds ago.
        files_lost: files that can't be had any more, or 0 if none were to be saved. At the end, this includes earlier
            runs.
    """

    done: int
    failed: int
    skipped: int
    without_instance: int = 0
    logs: int
    tasks: int = 0
    nodes: int = 0
    requests: int
    requests_saved: int = 0
    files: int = 0
    file_bytes: int = 0
    files_waiting: int = 0
    files_lost: int = 0


@attrs.frozen(kw_only=True)
class HarvestProgress(HarvestCounts):
    """The progress of a harvest.

    Attributes:
        total: instances known so far. It is final once `listed` is true.
        listed: whether all sources have been listed to their end.
        spent: requests for instances, of all that were sent.
        rate_limit: requests per second that instances may take, all sources together, or None if one has no limit.
        seconds_left: how long the rest takes at the rate limit, with the mean number of requests so far. None if
            there is no limit, or until all are listed.
        next_deadline: when the first of the links stored in this run expires or, if files are saved, the first
            of those that wait. None without any.
    """

    total: int
    listed: bool
    spent: int = 0
    rate_limit: float | None = None
    seconds_left: float | None = None
    next_deadline: datetime | None = None


Telemetry = RequestDone | Retrying | HarvestProgress
Observer = Callable[[Telemetry], None]


def notify(observers: Iterable[Observer], record: Telemetry) -> None:
    """Hand the record to every observer. A failing one is logged, never raised."""
    for observer in observers:
        try:
            observer(record)
        except Exception:
            _log.exception("an observer failed on %s", type(record).__name__)
