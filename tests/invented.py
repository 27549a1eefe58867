"""Archives of cases that a test spells out, or that a seed makes at random."""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
from given import log_row

from workflowkit import Archive, harvest
from workflowkit.source import AttachmentRow, Batch, Chunk, InstanceRef, LogRow, NodeRow, Row, TaskRow

MONDAY = datetime(2025, 1, 6, 8, tzinfo=UTC)
STEPS = ("Manager approval", "Finance review", "总经理审批", "Director approval")
OUTCOMES = ("forward",) * 6 + ("back", "transfer", "reject", "auto_approve", None)
PEOPLE = ((None, None), ("u1", "Ada Park"), ("u2", "李娜"), ("u3", "Ada Park"), (None, "Tom"), ("u5", None))


@attrs.define
class Told:
    """An instance and its rows."""

    ref: InstanceRef
    rows: Sequence[Row] = ()
    kinds: Sequence[type[Row]] = (LogRow, AttachmentRow)


@attrs.define
class Company:
    """A source of instances that a test gives."""

    told: Sequence[Told]
    system: str = "jodoo"
    tenant: str = "t"
    name: str = "company"
    window: float = 0.0
    rate: float | None = None
    requests_each: int = 1
    link_days: int | None = None
    file_hosts: Sequence[str] = ()
    resumable: bool = False
    kinds: Sequence[type[Row]] = ()

    async def instances(self, after: str | None = None) -> AsyncIterator[Chunk]:
        yield Chunk(refs=[told.ref for told in self.told])

    async def batches(self, instance_id: str, after: int | None = None) -> AsyncGenerator[Batch]:
        (told,) = (told for told in self.told if told.ref.id == instance_id)
        yield Batch(rows=told.rows, kinds=told.kinds, requests=1)


async def store(archive: Archive, told: Sequence[Told], **fields: Any) -> None:
    """Harvest the instances."""
    for kinds in dict.fromkeys(tuple(each.kinds) for each in told):
        some = [each for each in told if tuple(each.kinds) == kinds]
        await harvest(Company(some, kinds=kinds, name=f"company {kinds}", **fields), archive)


def log(position: int, begin: datetime, hours: float | None, **fields: Any) -> LogRow:
    """Return a log that began at a time and took so many hours, None if it is open."""
    end = None if hours is None else begin + timedelta(hours=hours)
    outcome = None if hours is None else "forward"
    plain = {"flow_name": "Finance review", "create_time": begin, "finish_time": end, "finish_action": outcome}
    row: LogRow = log_row(position, **{**plain, **fields})
    return row


def task(position: int, begin: datetime, hours: float | None, **fields: Any) -> TaskRow:
    """Return a task that began at a time and took so many hours, None if it is open."""
    end = None if hours is None else begin + timedelta(hours=hours)
    plain: dict[str, Any] = {
        "task_id": f"t{position}",
        "flow_id": 1,
        "flow_name": "Finance review",
        "title": None,
        "status": None,
        "create_action": "forward",
        "create_time": begin,
        "finish_action": None if hours is None else "forward",
        "finish_time": end,
        "assignee_username": "u1",
        "assignee_name": "Ada Park",
        "raw": b"{}",
    }
    return TaskRow(position=position, **{**plain, **fields})


def node(position: int, status: str = "FINISHED", **fields: Any) -> NodeRow:
    """Return a node of a playbook."""
    plain: dict[str, Any] = {
        "instance_type": "TASK",
        "action_id": f"a{position}",
        "action_name": "queryAddress",
        "parent_instance_id": None,
        "start_time": MONDAY,
        "end_time": MONDAY + timedelta(seconds=2),
        "status": status,
        "succeed": status == "FINISHED",
        "error_msg": "it is away" if status == "FAILED" else "",
        "input": None,
        "output": None,
        "raw": b"{}",
    }
    return NodeRow(position=position, **{**plain, **fields})


def case(number: int | str, *tasks: TaskRow, **fields: Any) -> Told:
    """Return an instance of Jodoo whose tasks are known."""
    ref = {"form_id": "f1", "is_open": any(each.finish_time is None for each in tasks), **fields}
    return Told(InstanceRef(id=f"c{number}", **ref), tasks, (TaskRow,))


def commented(number: int | str, *logs: LogRow, **fields: Any) -> Told:
    """Return an instance of Jodoo of which only the tasks with a comment are known."""
    return Told(
        InstanceRef(id=f"c{number}", **{"form_id": "f1", "is_open": False, **fields}), logs, (LogRow, AttachmentRow)
    )


def run(number: int, *nodes: NodeRow, **fields: Any) -> Told:
    """Return a run of a playbook."""
    ref = {"workflow_name": "Block", "status": "FINISHED", "start_time": MONDAY, "is_open": False, **fields}
    return Told(InstanceRef(id=f"r{number}", **ref), nodes, (NodeRow,))


def anything(rng: random.Random, number: int, *, tasks: bool) -> Told:
    """Return an instance as bad as they come: impossible times, no people, no listing."""
    at = MONDAY + timedelta(hours=rng.randrange(24 * 60))
    rows: list[Any] = []
    for position in range(rng.choice((0, 1, 2, 3, 5, 8))):
        hours = rng.choice((None, 0, 0.5, rng.uniform(0, 90), rng.uniform(0, 9), -1 if rng.random() < 0.2 else 3))
        username, name = rng.choice(PEOPLE)
        action = None if hours is None else rng.choice(OUTCOMES)
        facts = {"flow_name": rng.choice((*STEPS, "")), "finish_action": action, "flow_id": rng.choice((1, 1, 2))}
        if tasks:
            rows.append(task(position, at, hours, assignee_username=username, assignee_name=name, **facts))
        else:
            rows.append(log(position, at, hours, operator_username=username, operator_name=name, **facts))
        at += timedelta(hours=rng.choice((0, hours or 0, 5)))
    ref = InstanceRef(
        id=f"{number:05x}",
        form_id=rng.choice((None, "f1", "f2")),
        is_open=rng.choice((None, True, False)),
        start_time=rng.choice((None, MONDAY)),
    )
    return Told(ref, rows, (TaskRow,) if tasks else (LogRow, AttachmentRow))
