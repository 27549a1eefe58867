"""The events of an archive: as objects, and as rows with the columns that tools for process mining know."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import Any, TypeAlias

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

Columns: TypeAlias = Mapping[str, Sequence[Any]]
"""Some rows as columns, by their names. They are quicker to work on than rows."""


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


async def read_event_log(database: Database, where: Where) -> AsyncGenerator[Columns]:
    """Yield the events of the chosen instances as columns of an event log, some rows at a time, at least once.

    The standard columns come first, then the view's other ones. Two tenants may have cases of one id, so with several
    of them a case is ``tenant/id``.
    """
    many_tenants = await count_tenants(database) > 1
    async with aclosing(read_table(database, "events", where)) as chunks:
        async for names, rows in chunks:
            yield _standard(as_columns(names, rows), many_tenants=many_tenants)


def _standard(columns: Columns, *, many_tenants: bool) -> Columns:
    case = columns["case_id"]
    if many_tenants:
        case = tuple(map("{}/{}".format, columns["tenant"], case))
    found = {standard: columns[name] for standard, name in STANDARD.items()} | {"case:concept:name": case}
    found[INSTANCE] = tuple(map("{}-{}".format, case, columns["position"]))
    return found | {name: column for name, column in columns.items() if name not in STANDARD.values()}


def as_columns(names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> Columns:
    """Return rows as columns by their names."""
    return dict(zip(names, zip(*rows, strict=True), strict=True)) if rows else dict.fromkeys(names, ())


def as_rows(columns: Columns) -> Rows:
    """Return columns as rows with their names."""
    return tuple(columns), list(zip(*columns.values(), strict=True))
