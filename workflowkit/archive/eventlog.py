"""The events of an archive: as objects, and as rows with the columns that tools for process mining know."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import Any

import attrs

from .cases import Where, count_tenants
from .database import Database, Rows
from .reading import read_table

STANDARD = {
    "case:concept:name": "case_id",
    "concept:name": "activity",
    "start_timestamp": "start_time",
    "time:timestamp": "end_time",
    "org:resource": "resource",
    "lifecycle:transition": "lifecycle",
}
"""The standard name of each column that has one. ``concept:instance`` is made of the case and the position."""

INSTANCE = "concept:instance"


@attrs.frozen(kw_only=True)
class Event:
    """A step of a harvested instance: a task, a log or a node, which `origin` says.

    Attributes:
        case_id: the id of the instance.
        activity: the name of the step.
        resource: the name of the person, and `resource_id` the username. Nodes have none.
        outcome: Jodoo's `finish_action`, SecMaster's status.
        workflow: the name of its form or workflow.
        lifecycle: ``start`` for a step that is open, else ``complete``.
    """

    system: str
    tenant: str
    case_id: str
    position: int
    activity: str | None
    start_time: datetime | None
    end_time: datetime | None
    resource: str | None
    outcome: str | None
    lifecycle: str
    origin: str
    resource_id: str | None
    flow_id: int | None
    create_action: str | None
    workflow: str | None


async def read_events(database: Database, where: Where) -> AsyncGenerator[Event]:
    """Yield the events of the chosen instances, in the order of the view."""
    async with aclosing(read_table(database, "events", where)) as chunks:
        async for names, rows in chunks:
            for row in rows:
                values = dict(zip(names, row, strict=True))
                for name in ("start_time", "end_time"):
                    values[name] = values[name] and datetime.fromisoformat(values[name])
                yield Event(**values)


async def read_event_log(database: Database, where: Where) -> AsyncGenerator[Rows]:
    """Yield the events of the chosen instances as rows of an event log, in chunks.

    The standard columns come first, then the view's other ones. Two tenants may have cases of one id, so with several
    of them a case is ``tenant/id``.
    """
    tenants = await count_tenants(database)
    async with aclosing(read_table(database, "events", where)) as chunks:
        async for names, rows in chunks:
            yield _standardized(names, rows, many_tenants=tenants > 1)


def _standardized(names: Sequence[str], rows: Sequence[tuple[Any, ...]], *, many_tenants: bool) -> Rows:
    own = [name for name in names if name not in STANDARD.values()]
    shown = (*STANDARD, INSTANCE, *own)
    if not rows:
        return shown, []
    columns = dict(zip(names, zip(*rows, strict=True), strict=True))
    if many_tenants:
        columns["case_id"] = tuple(map("{}/{}".format, columns["tenant"], columns["case_id"]))
    columns |= {standard: columns[name] for standard, name in STANDARD.items()}
    columns[INSTANCE] = tuple(map("{}-{}".format, columns["case_id"], columns["position"]))
    return shown, list(zip(*(columns[name] for name in shown), strict=True))
