"""`workflowkit secmaster`: instances of Huawei Cloud SecMaster's workflows."""

from __future__ import annotations

from datetime import tzinfo
from typing import TYPE_CHECKING, Any

import click

from .loop import run_async
from .options import as_json, sending
from .output import count_of, print_json, print_table
from .refusals import open_secmaster
from .systems import SECMASTER
from .timeline import print_timeline
from .times import window, zoned

if TYPE_CHECKING:
    from ..report import Moment
    from ..secmaster import Node, WorkflowInstance

STATUSES = ("CREATED", "RUNNING", "FAILED", "FINISHED", "RETRYING", "TERMINATING", "TERMINATED")


@click.group(epilog=SECMASTER.environment)
def secmaster() -> None:
    """Read workflow instances of a SecMaster workspace."""


@secmaster.command(epilog=SECMASTER.environment)
@click.argument("instance_id")
@click.option("--topology", is_flag=True, help="With all nodes of its topology.")
@zoned
@sending
@as_json
def instance(instance_id: str, *, topology: bool, zone: tzinfo | None, as_json: bool, **options: Any) -> None:
    """Print the state of an instance, and its nodes on a timeline.

    \b
    workflowkit secmaster instance 8eed56de-7aaf-4732-baaf-000000000073 --topology
    """

    async def read() -> WorkflowInstance:
        async with open_secmaster(None, **options) as client:
            return await client.workflow_instance(instance_id, show_topology=topology)

    found = run_async(read())
    if as_json:
        print_json(found.to_dict())
        return
    print_table(found.name or found.id, ("", ""), _facts(found).items(), zone=zone)
    if found.topology is not None:
        nodes = found.topology.audit_logs
        print_timeline(count_of(len(nodes), "node"), [_moment(node) for node in nodes], zone=zone)


@secmaster.command(epilog=SECMASTER.environment)
@zoned
@window
@click.option("--status", type=click.Choice(STATUSES, case_sensitive=False), help="Only instances with this status.")
@click.option("--failed-at", is_flag=True, help="Only failed instances, each with the node that failed and its error.")
@sending
@as_json
def instances(*, failed_at: bool, zone: tzinfo | None, as_json: bool, **options: Any) -> None:
    """Print the workspace's instances, oldest first.

    \b
    workflowkit secmaster instances --since 2025-07-18 --status FAILED
    workflowkit secmaster instances --since 7d --failed-at
    workflowkit secmaster instances --json | jq -r .id
    """
    filters = {name: options.pop(name) for name in ("since", "until", "status")}
    if failed_at and filters["status"] not in (None, "FAILED"):
        raise click.UsageError(
            f"--failed-at lists failed instances, so it doesn't go with --status {filters['status']}"
        )
    if failed_at:
        filters["status"] = "FAILED"

    async def read() -> list[WorkflowInstance]:
        shown: list[WorkflowInstance] = []
        async with open_secmaster(None, **options) as client:
            async for found in client.workflow_instances(**filters):
                whole = await client.workflow_instance(found.id, show_topology=True) if failed_at else found
                if as_json:
                    at = [{"node": node, "error": error} for *_, node, error in _failures(whole)] if failed_at else []
                    print_json({**whole.to_dict(), **({"failed_at": at} if failed_at else {})})
                else:
                    shown.append(whole)
        return shown

    found = run_async(read())
    if as_json:
        return
    title = count_of(len(found), "instance")
    if failed_at:
        rows = [row for each in found for row in _failures(each)]
        print_table(
            title, ("instance", "workflow", "started", "failed at", "error"), rows, spare=("started",), zone=zone
        )
    else:
        columns = ("instance", "workflow", "trigger", "status", "started", "took")
        print_table(title, columns, map(_row, found), spare=("took", "trigger", "started"), zone=zone)


def _failures(found: WorkflowInstance) -> list[tuple[Any, ...]]:
    """Return a row for each node that failed. An instance without one has a row, too."""
    nodes = found.topology.audit_logs if found.topology else ()
    failed = [(node.action_name, node.error_msg) for node in nodes if node.status == "FAILED"]
    workflow = found.workflow.name if found.workflow else None
    return [(found.id, workflow, found.start_time, *what) for what in failed or [(None, "no node of it failed")]]


def _row(found: WorkflowInstance) -> tuple[Any, ...]:
    workflow = found.workflow.name if found.workflow else None
    took = found.start_time and found.end_time and found.end_time - found.start_time
    return found.id, workflow, found.trigger_type, found.status, found.start_time, took


def _facts(found: WorkflowInstance) -> dict[str, Any]:
    _, workflow, trigger, status, started, took = _row(found)
    return {
        "instance": found.id,
        "workflow": workflow,
        "version": found.workflow.version if found.workflow else None,
        "playbook": found.playbook.name if found.playbook else None,
        "works on": found.dataclass.name if found.dataclass else None,
        "object": found.dataobject_id,
        "trigger": trigger,
        "status": status,
        "started": started,
        "ended": found.end_time,
        "took": took,
        "retries": found.retry_count,
    }


def _moment(node: Node) -> Moment:
    from ..report import Moment

    took = node.end_time - node.start_time if node.start_time and node.end_time else None
    return Moment(
        activity=node.action_name or "(unnamed)",
        who=None,
        outcome=node.status,
        start=node.start_time,
        end=node.end_time,
        is_waiting=node.end_time is None,
        took=None if took is None else took.total_seconds(),
        error=node.error_msg or None,
    )
