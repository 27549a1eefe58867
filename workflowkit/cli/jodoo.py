"""`workflowkit jodoo`: one instance of Jodoo."""

from __future__ import annotations

from typing import Any

import click

from .loop import run_async
from .options import as_json, sending
from .output import count_of, print_json, print_table
from .systems import JODOO


@click.group(epilog=JODOO.environment)
def jodoo() -> None:
    """Read one instance of Jodoo (简道云)."""


@jodoo.command()
@click.argument("instance_id")
@click.option("--limit", type=int, default=100, show_default=True, help="Page size, 1 to 100. All logs are read.")
@sending
@as_json
def logs(instance_id: str, *, limit: int, as_json: bool, **options: Any) -> None:
    """Print the logs of an instance: its steps with an approval comment.

    \b
    workflowkit jodoo logs 6500cba90000000000000031
    workflowkit jodoo logs 6500cba90000000000000031 --json | jq -r .comment
    """
    from ..jodoo import JodooClient, WorkflowLog

    def row(log: WorkflowLog) -> tuple[Any, ...]:
        who = log.operator.name if log.operator else None
        took = log.finish_time and log.finish_time - log.create_time
        files = len(log.attachments) + bool(log.signature) or None
        return log.flow_name, who, log.finish_action or "open", log.finish_time, took, files, log.comment

    async def read() -> list[tuple[Any, ...]]:
        async with JodooClient.from_env(**options) as client:
            listing = client.workflow_logs(instance_id, limit=limit)
            if not as_json:
                return [row(log) async for log in listing]
            async for log in listing:
                print_json(log.to_dict())
            return []

    rows = run_async(read())
    if not as_json:
        columns = ("step", "who", "action", "finished (UTC)", "took", "files", "comment")
        title = f"{count_of(len(rows), 'log')} of {instance_id}"
        print_table(title, columns, rows, spare=("files", "took", "finished (UTC)"))


@jodoo.command()
@click.argument("instance_id")
@click.option("--tasks", is_flag=True, help="With all tasks, also those without a comment.")
@sending
@as_json
def instance(instance_id: str, *, tasks: bool, as_json: bool, **options: Any) -> None:
    """Print the state of an instance.

    \b
    workflowkit jodoo instance 6500cba90000000000000031 --tasks
    """
    from ..jodoo import JodooClient, WorkflowInstance

    async def read() -> WorkflowInstance:
        async with JodooClient.from_env(**options) as client:
            return await client.workflow_instance(instance_id, tasks=tasks)

    found = run_async(read())
    if as_json:
        print_json(found.to_dict())
    else:
        _show(found)


def _show(found: Any) -> None:
    facts = {
        "form": found.form_title,
        "status": None if found.status is None else found.status.name.lower().replace("_", " "),
        "creator": found.creator.name if found.creator else None,
        "created (UTC)": found.create_time,
        "updated (UTC)": found.update_time,
        "finished (UTC)": found.finish_time,
        "url": found.url,
    }
    print_table(found.instance_id, ("", ""), facts.items())
    if found.tasks is not None:
        rows = [
            (
                task.flow_name,
                ", ".join(member.name or "" for member in task.assignees),
                task.finish_action or "open",
                task.finish_time,
                task.finish_time and task.finish_time - task.create_time,
            )
            for task in found.tasks
        ]
        print_table(count_of(len(rows), "task"), ("step", "who", "action", "finished (UTC)", "took"), rows)
