"""`workflowkit secmaster`: instances of Huawei Cloud SecMaster's workflows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from .loop import run_async
from .options import as_json, sending, window
from .output import count_of, print_json, print_table
from .refusals import open_secmaster
from .systems import SECMASTER

if TYPE_CHECKING:
    from ..secmaster import Node, WorkflowInstance

STATUSES = ("CREATED", "RUNNING", "FAILED", "FINISHED", "RETRYING", "TERMINATING", "TERMINATED")


@click.group(epilog=SECMASTER.environment)
def secmaster() -> None:
    """Read workflow instances of a SecMaster workspace."""


@secmaster.command(epilog=SECMASTER.environment)
@click.argument("instance_id")
@click.option("--topology", is_flag=True, help="With all nodes of its topology.")
@sending
@as_json
def instance(instance_id: str, *, topology: bool, as_json: bool, **options: Any) -> None:
    """Print the state of an instance.

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
    print_table(found.name or found.id, ("", ""), _facts(found).items())
    if found.topology is not None:
        rows = [_node(node, found) for node in found.topology.audit_logs]
        print_table(count_of(len(rows), "node"), ("step", "status", "after", "took", "error"), rows)


@secmaster.command(epilog=SECMASTER.environment)
@window
@click.option("--status", type=click.Choice(STATUSES, case_sensitive=False), help="Only instances with this status.")
@sending
@as_json
def instances(*, as_json: bool, **options: Any) -> None:
    """Print the workspace's instances, oldest first.

    \b
    workflowkit secmaster instances --since 2025-07-18 --status FAILED
    workflowkit secmaster instances --json | jq -r .id
    """
    filters = {name: options.pop(name) for name in ("since", "until", "status")}

    async def read() -> list[WorkflowInstance]:
        async with open_secmaster(None, **options) as client:
            listing = client.workflow_instances(**filters)
            if not as_json:
                return await listing
            async for found in listing:
                print_json(found.to_dict())
            return []

    found = run_async(read())
    if not as_json:
        columns = ("instance", "workflow", "trigger", "status", "started (UTC)", "took")
        spare = ("took", "trigger", "started (UTC)")
        print_table(count_of(len(found), "instance"), columns, map(_row, found), spare=spare)


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
        "started (UTC)": started,
        "ended (UTC)": found.end_time,
        "took": took,
        "retries": found.retry_count,
    }


def _node(node: Node, instance: WorkflowInstance) -> tuple[Any, ...]:
    after = node.start_time and instance.start_time and node.start_time - instance.start_time
    took = node.start_time and node.end_time and node.end_time - node.start_time
    return node.action_name, node.status, after, took, node.error_msg
