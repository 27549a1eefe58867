"""`workflowkit jodoo`: one instance of Jodoo."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from typing import TYPE_CHECKING, Any

import click

from .loop import run_async
from .options import as_json, sending
from .output import count_of, print_json, print_table
from .systems import JODOO
from .timeline import print_timeline
from .times import zoned

if TYPE_CHECKING:
    from ..jodoo import Member, Task, WorkflowInstance, WorkflowLog
    from ..report import Moment


@click.group(epilog=JODOO.environment)
def jodoo() -> None:
    """Read one instance of Jodoo (简道云)."""


@jodoo.command()
@click.argument("instance_id")
@click.option("--limit", type=int, default=100, show_default=True, help="Page size, 1 to 100. All logs are read.")
@zoned
@sending
@as_json
def logs(instance_id: str, *, limit: int, zone: tzinfo | None, as_json: bool, **options: Any) -> None:
    """Print the logs of an instance: its steps with an approval comment.

    \b
    workflowkit jodoo logs 6500cba90000000000000031
    workflowkit jodoo logs 6500cba90000000000000031 --json | jq -r .comment
    """
    from ..jodoo import JodooClient

    async def read() -> list[WorkflowLog]:
        async with JodooClient.from_env(**options) as client:
            listing = client.workflow_logs(instance_id, limit=limit)
            if not as_json:
                return await listing
            async for log in listing:
                print_json(log.to_dict())
            return []

    found = run_async(read())
    if not as_json:
        more: dict[str, list[Any]] = {
            "files": [len(log.attachments) + bool(log.signature) or None for log in found],
            "comment": [log.comment for log in found],
        }
        moments = [_moment(log, [log.operator] if log.operator else []) for log in found]
        print_timeline(f"{count_of(len(found), 'log')} of {instance_id}", moments, more, zone=zone)


@jodoo.command()
@click.argument("instance_id")
@click.option("--tasks", is_flag=True, help="With all tasks, also those without a comment.")
@zoned
@sending
@as_json
def instance(instance_id: str, *, tasks: bool, zone: tzinfo | None, as_json: bool, **options: Any) -> None:
    """Print the state of an instance, and its tasks on a timeline.

    \b
    workflowkit jodoo instance 6500cba90000000000000031 --tasks
    """
    from ..jodoo import JodooClient

    async def read() -> WorkflowInstance:
        async with JodooClient.from_env(**options) as client:
            return await client.workflow_instance(instance_id, tasks=tasks)

    found = run_async(read())
    if as_json:
        print_json(found.to_dict())
        return
    print_table(found.instance_id, ("", ""), _facts(found).items(), zone=zone)
    if found.tasks is not None:
        moments = [_moment(task, task.assignees) for task in found.tasks]
        print_timeline(count_of(len(moments), "task"), moments, zone=zone)


def _facts(found: WorkflowInstance) -> dict[str, Any]:
    return {
        "form": found.form_title,
        "status": None if found.status is None else found.status.name.lower().replace("_", " "),
        "creator": found.creator.name if found.creator else None,
        "created": found.create_time,
        "updated": found.update_time,
        "finished": found.finish_time,
        "url": found.url,
    }


def _moment(step: WorkflowLog | Task, people: Sequence[Member]) -> Moment:
    from ..report import Moment

    return Moment(
        activity=step.flow_name,
        who=", ".join(member.name or "" for member in people) or None,
        outcome=step.finish_action,
        start=step.create_time,
        end=step.finish_time,
        is_waiting=step.finish_time is None,
        took=None if step.finish_time is None else (step.finish_time - step.create_time).total_seconds(),
    )
