"""`workflowkit secmaster`: instances of Huawei Cloud SecMaster's workflows."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import click

from .options import as_json, sending, window
from .output import print_json, print_table

if TYPE_CHECKING:
    from ..secmaster import Node, WorkflowInstance

STATUSES = ("CREATED", "RUNNING", "FAILED", "FINISHED", "RETRYING", "TERMINATING", "TERMINATED")


@click.group()
def secmaster() -> None:
    """Read workflow instances of a Huawei Cloud SecMaster workspace."""


@secmaster.command()
@click.argument("instance_id")
@click.option("--topology", is_flag=True, help="With every node it has been through.")
@sending
@as_json
def instance(instance_id: str, *, topology: bool, as_json: bool, **options: Any) -> None:
    """Print where an instance stands.

    \b
    workflowkit secmaster instance 8eed56de-7aaf-4732-baaf-46c1bb11dc8f --topology
    """
    from ..converter import unstructure
    from ..secmaster import SecMasterClient

    async def read() -> WorkflowInstance:
        async with SecMasterClient.from_env(**options) as client:
            return await client.workflow_instance(instance_id, show_topology=topology)

    found = asyncio.run(read())
    if as_json:
        print_json(unstructure(found))
        return
    print_table(found.name or found.id, ("", ""), _facts(found).items())
    if found.topology is not None:
        nodes = found.topology.audit_logs
        columns = ("step", "status", "started (UTC)", "took", "error")
        print_table(f"{len(nodes)} nodes", columns, map(_node, nodes))


@secmaster.command()
@window
@click.option("--status", type=click.Choice(STATUSES, case_sensitive=False), help="Only those that stand so.")
@sending
@as_json
def instances(*, as_json: bool, **options: Any) -> None:
    """Print the workspace's instances, oldest first.

    \b
    workflowkit secmaster instances --since 2025-07-18 --status FAILED
    workflowkit secmaster instances --json | jq -r .id
    """
    from ..converter import unstructure
    from ..secmaster import SecMasterClient

    filters = {name: options.pop(name) for name in ("since", "until", "status")}

    async def read() -> list[WorkflowInstance]:
        async with SecMasterClient.from_env(**options) as client:
            listing = client.workflow_instances(**filters)
            if not as_json:
                return await listing
            async for found in listing:
                print_json(unstructure(found))
            return []

    found = asyncio.run(read())
    if not as_json:
        columns = ("instance", "workflow", "trigger", "status", "started (UTC)", "took")
        print_table(f"{len(found):,} instances", columns, map(_row, found))


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
        "trigger": trigger,
        "status": status,
        "started (UTC)": started,
        "took": took,
        "retries": found.retry_count,
    }


def _node(node: Node) -> tuple[Any, ...]:
    took = node.start_time and node.end_time and node.end_time - node.start_time
    return node.action_name, node.status, node.start_time, took, node.error_msg
