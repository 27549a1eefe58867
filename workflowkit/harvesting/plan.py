"""What a harvest will take, before it is begun."""

from __future__ import annotations

import math
import time

import attrs

from ..archive import Archive
from ..archive.listed import Enqueued
from ..archive.queue import Queue
from ..source import Source
from .selection import Selection

_DAY = 86_400.0


@attrs.frozen(kw_only=True)
class Plan:
    """What a harvest of one source will take, at the rate limit.

    Attributes:
        source: its name.
        instances: that are to do.
        skipped: instances that are in the archive already, done or failed.
        listing: requests that listing them takes. As many were sent to make this plan.
        each: requests for an instance: what those in the archive took on average, or a short one takes.
        measured: how many instances that is the mean of, or 0 if it is assumed.
        requests: in all.
        rate: requests per second that the instances may take, None for no limit.
        seconds: how long it takes, None without a limit.
        link_days: days after which the links that it stores expire, or None if there are none.
        outlives_links: whether the first of them expire before it ends.
    """

    source: str
    instances: int
    skipped: int
    listing: int
    each: float
    measured: int
    requests: int
    rate: float | None
    seconds: float | None
    link_days: int | None
    outlives_links: bool


async def plan(
    source: Source, archive: Archive | None = None, *, refresh: bool = False, retry_failed: bool = False
) -> Plan:
    """Return what harvesting the source into the archive will take. Listing it may cost requests, nothing is stored.

    Raises what listing raises. Nothing that has failed is tried again. Ids that come twice count twice.
    """
    selection = Selection.of(source, refresh=refresh, retry_failed=retry_failed)
    queue = None if archive is None else Queue(archive.database, source, selection.decide, options=selection.options)
    queued = skipped = listing = 0
    began = time.monotonic()
    async for chunk in source.instances():
        listed = Enqueued(queued=len(chunk.refs)) if queue is None else await queue.preview(chunk.refs)
        queued += listed.queued
        skipped += listed.done + listed.failed
        listing += chunk.requests
    took = time.monotonic() - began
    mean, measured = (None, 0) if queue is None else await queue.measured()
    each = source.requests_each if mean is None else mean
    requests = round(queued * each)
    seconds = None if source.rate is None else max(requests / source.rate, took)
    lifetime = math.inf if source.link_days is None else source.link_days * _DAY
    return Plan(
        source=source.name,
        instances=queued,
        skipped=skipped,
        listing=listing,
        each=each,
        measured=measured,
        requests=listing + requests,
        rate=source.rate,
        seconds=seconds,
        link_days=source.link_days,
        outlives_links=(seconds or 0) > lifetime,
    )
