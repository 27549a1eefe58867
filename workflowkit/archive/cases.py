"""Harvested instances with their steps, in one stream: what reports and process mining are made of."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from datetime import datetime
from typing import Any

import attrs

from ..errors import ConfigError
from ..redact import unsigned
from .database import Database
from .values import adapt

BEGAN = """
    coalesce(instances.start_time,
        (SELECT min(tasks.create_time) FROM tasks WHERE tasks.system = instances.system
            AND tasks.tenant = instances.tenant AND tasks.instance_id = instances.id),
        (SELECT min(logs.create_time) FROM logs WHERE logs.system = instances.system
            AND logs.tenant = instances.tenant AND logs.instance_id = instances.id),
        (SELECT min(nodes.start_time) FROM nodes WHERE nodes.system = instances.system
            AND nodes.tenant = instances.tenant AND nodes.instance_id = instances.id))"""

FITS = f"""
    CAST(? AS TEXT) IN ('', instances.system) AND CAST(? AS TEXT) IN ('', instances.tenant)
    AND CAST(? AS TEXT) IN ('', instances.form_id)
    AND (CAST(? AS INTEGER) = 1 OR ({BEGAN} >= ? AND {BEGAN} < ?))"""
"""Whether an instance is one of those chosen. `Where.parameters` are its parameters."""

_INSTANCES = """
    SELECT system, tenant, id AS case_id, -1 AS position, 'instances' AS origin, coalesce(form_name, workflow_name),
        start_time, end_time, creator, form_id, status, stored_tables,
        CASE WHEN is_open THEN 1 WHEN NOT is_open THEN 0 END
    FROM instances WHERE coalesce(state, '') = 'done' AND {instances}
    UNION ALL
    SELECT system, tenant, instance_id, position, 'logs', flow_name, create_time, finish_time, operator_name,
        operator_username, finish_action, create_action, flow_id FROM logs {steps}
    UNION ALL
    SELECT system, tenant, instance_id, position, 'tasks', flow_name, create_time, finish_time, assignee_name,
        assignee_username, finish_action, create_action, flow_id FROM tasks {steps}
    UNION ALL
    SELECT system, tenant, instance_id, position, 'nodes', action_name, start_time, end_time, NULL, NULL, status,
        error_msg, NULL FROM nodes {steps}
    ORDER BY 1, 2, 3, 4
"""
"""An instance comes just before its steps. Each table is walked along its key, so nothing is sorted.

With ``state = 'done'``, SQLite would walk the index of states instead.
"""

_CASES = _INSTANCES.format(instances=FITS, steps="")
_CASE = _INSTANCES.format(
    instances="system = ? AND tenant = ? AND id = ?", steps="WHERE system = ? AND tenant = ? AND instance_id = ?"
)
_OWNERS = "SELECT system, tenant FROM instances WHERE id = ? AND coalesce(state, '') = 'done' ORDER BY 1, 2"

_SCOPE = f"""
    SELECT system, tenant, max(harvested_at),
        sum(CASE WHEN stored_tables LIKE '%tasks%' THEN 1 ELSE 0 END)
    FROM instances WHERE state = 'done' AND {FITS} GROUP BY system, tenant ORDER BY system, tenant
"""
_SPAN = """
    SELECT min(start_time), max(coalesce(end_time, start_time)) FROM events WHERE origin <> 'nodes'
"""
_TENANTS = "SELECT count(*) FROM (SELECT DISTINCT tenant FROM instances WHERE state = 'done') AS tenants"
_TEXTS = (0, 3, 4, 6)
"""The places of texts that people wrote, after the origin: activity, people, and error message."""

_EARLIEST, _LATEST = "0001-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z"


@attrs.frozen(kw_only=True)
class Where:
    """Which instances are chosen. None chooses all.

    Attributes:
        form: the id of a form of Jodoo.
        since: those that began then or later. An instance begins with its first step if its listing has no time.
        until: those that began before.
    """

    system: str | None = None
    tenant: str | None = None
    form: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def parameters(self) -> tuple[Any, ...]:
        """The values that the statements want."""
        is_any_time = int(self.since is None and self.until is None)
        window = (adapt(self.since) or _EARLIEST, adapt(self.until) or _LATEST)
        return (self.system or "", self.tenant or "", self.form or "", is_any_time, *window)


@attrs.define(slots=True)
class Step:
    """A log, task or node. Times are UTC text.

    Attributes:
        origin: the table that it is in.
        who: the person's name, and `who_id` the username. Nodes have none.
        outcome: Jodoo's finish_action, SecMaster's status.
        detail: Jodoo's create_action, SecMaster's error message.
    """

    position: int
    origin: str
    activity: str | None
    start_time: str | None
    end_time: str | None
    who: str | None
    who_id: str | None
    outcome: str | None
    detail: str | None
    flow_id: int | None


@attrs.define(slots=True)
class Case:
    """A harvested instance, with the steps that stand for it: its tasks if they were harvested, else logs or nodes.

    Attributes:
        name: the name of its form or workflow.
        tables: the tables whose rows are stored.
        is_open: whether it can still change. None: its listing didn't say.
    """

    system: str
    tenant: str
    id: str
    name: str | None
    form_id: str | None
    status: str | None
    tables: str
    is_open: bool | None
    creator: str | None
    start_time: str | None
    end_time: str | None
    steps: list[Step]

    @property
    def is_approval(self) -> bool:
        """Whether people decide its steps. Others are runs of a playbook."""
        return "logs" in self.tables or "tasks" in self.tables

    @property
    def has_tasks(self) -> bool:
        """Whether all its tasks are there, not just those with a comment."""
        return "tasks" in self.tables


@attrs.frozen
class Harvested:
    """What was harvested of a tenant: when last, and how many instances have all their tasks."""

    system: str
    tenant: str
    harvested_at: str
    complete: int


async def scope(database: Database, where: Where) -> list[Harvested]:
    """Return what was harvested of the chosen instances, by system and tenant. Without any, there is nothing."""
    return [Harvested(*row) for row in await database.select(_SCOPE, *where.parameters)]


async def check_matches(database: Database, where: Where) -> None:
    """Raise ConfigError if instances are chosen, but none that is harvested fits."""
    if where.since is not None and where.until is not None and where.since >= where.until:
        raise ConfigError(f"since={where.since} is not before until={where.until}: no instance can fit")
    if where != Where() and not await scope(database, where):
        chosen = attrs.asdict(where, filter=lambda _, value: value is not None)
        wanted = ", ".join(f"{name}={value}" for name, value in chosen.items())
        raise ConfigError(
            f"no harvested instance fits {wanted}: `workflowkit export ARCHIVE --to instances.csv "
            "--table instances` lists those that are there"
        )


async def count_tenants(database: Database) -> int:
    """Return of how many tenants there are harvested instances."""
    ((number,),) = await database.select(_TENANTS)
    return int(number)


async def time_span(database: Database) -> tuple[datetime | None, datetime | None]:
    """Return when the first step of an approval began and the last one ended, None if there is none."""
    ((first, last),) = await database.select(_SPAN)
    return first and datetime.fromisoformat(first), last and datetime.fromisoformat(last)


async def read_cases(database: Database, where: Where) -> AsyncGenerator[list[Case]]:
    """Yield the chosen instances in the order of system, tenant and id, some at a time.

    Texts have no signed links.
    """
    last: Case | None = None
    async with aclosing(database.read(_CASES, *where.parameters)) as chunks:
        async for _, rows in chunks:
            whole, last = _gather(rows, last)
            if whole:
                yield whole
    if last is not None:
        yield [last]


async def find_cases(database: Database, instance_id: str, tenant: str | None = None) -> list[Case]:
    """Return the harvested instances of that id: one for each tenant that has it, or that of one tenant."""
    found: list[Case] = []
    for owner in await database.select(_OWNERS, instance_id):
        if tenant in (None, owner[1]):
            rows = await database.select(_CASE, *(*owner, instance_id) * 4)
            _, case = _gather(rows, None)
            found += [] if case is None else [case]
    return found


def _gather(rows: Iterable[tuple[Any, ...]], last: Case | None) -> tuple[list[Case], Case | None]:
    """Return the cases that are whole, and the last one, which the next rows may continue."""
    whole: list[Case] = []
    for system, tenant, id_, position, origin, *values in rows:
        for place in _TEXTS:
            if values[place] and "?" in values[place]:
                values[place] = unsigned(values[place])
        if origin == "instances":
            if last is not None:
                whole.append(last)
            name, start, end, creator, form, status, tables, is_open = values
            is_open = None if is_open is None else bool(is_open)
            last = Case(system, tenant, id_, name, form, status, tables or "", is_open, creator, start, end, [])
        elif last is not None and last.id == id_ and last.tenant == tenant and last.system == system:
            tables = last.tables
            if origin in tables and (origin != "logs" or "tasks" not in tables):
                last.steps.append(Step(position, origin, *values))
    return whole, last
