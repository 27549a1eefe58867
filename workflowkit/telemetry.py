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
        elapsed: seconds from sending to the decoded answer.
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
class HarvestProgress:
    """The progress of a harvest. All numbers count instances, except those of rows and requests.

    Attributes:
        total: known so far. It is final once `listed` is true.
        listed: whether the sources have named all they have.
        done: harvested in this run.
        failed: recorded as failed, in this run or an earlier one.
        skipped: harvested by an earlier run.
        requests: sent, retries and listings included.
        saved: requests that harvesting the skipped ones took, and which were not sent again.
        spent: requests for instances, of all that were sent.
        quota: requests per second that instances may take, all sources together, or None if one has no limit.
        seconds_left: how long the rest takes at the rate limit, with the mean number of requests so far. None if
            there is no limit, or until all are listed.
        files: saved in this run.
        file_bytes: how large those are together.
        files_waiting: that are still to be saved, as of some seconds ago, or 0 if none are to be.
        files_lost: that can't be had any more, as far as this run has found.
        next_deadline: when the first of the links stored in this run expires or, if files are saved, the first
            of those that wait. None without any.
    """

    total: int
    listed: bool
    done: int
    failed: int
    skipped: int
    logs: int
    tasks: int = 0
    nodes: int = 0
    requests: int
    saved: int = 0
    spent: int = 0
    quota: float | None = None
    seconds_left: float | None = None
    files: int = 0
    file_bytes: int = 0
    files_waiting: int = 0
    files_lost: int = 0
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
