"""SecMaster instances as a harvest takes them in: the list tells of each, one request more of its nodes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import attrs

from ..client import Reply
from ..paginator import Paginator
from ..source import Batch, InstanceRef, NodeRow, Row
from .models import Node, WorkflowInstance

Detail = Callable[[str], Awaitable[Reply[WorkflowInstance]]]
"""Gets an instance with its topology."""


class WorkspaceSource:
    """The instances of a listing, with their nodes where a way to get those is given."""

    system: str = "secmaster"

    def __init__(
        self, tenant: str, listing: Paginator[WorkflowInstance], detail: Detail | None, *, window: float
    ) -> None:
        self._listing = listing
        self._detail = detail
        self.tenant: str = tenant
        self.kinds: Sequence[type[Row]] = () if detail is None else (NodeRow,)
        self.requests: int = 0
        self.window: float = window

    async def instances(self) -> AsyncIterator[Sequence[InstanceRef]]:
        """Yield the instances a page at a time, with all that the list tells of them."""
        async for page in self._listing.pages():
            self.requests += page.attempts
            yield [_ref(instance, raw) for instance, raw in zip(page.items, page.raw, strict=True)]

    async def batches(self, instance_id: str) -> AsyncIterator[Batch]:
        """Yield the instance's nodes; nothing unless they are wanted."""
        if self._detail is None:
            return
        reply = await self._detail(instance_id)
        topology = reply.value.topology
        nodes = zip(topology.audit_logs, reply.document.raws("topology.audit_logs"), strict=True) if topology else ()
        rows = [_row(node, raw, position) for position, (node, raw) in enumerate(nodes)]
        yield Batch(rows=rows, requests=reply.attempts)


def _ref(instance: WorkflowInstance, raw: bytes) -> InstanceRef:
    return InstanceRef(
        id=instance.id,
        status=instance.status,
        name=instance.name,
        workflow_name=instance.workflow.name if instance.workflow else None,
        trigger_type=instance.trigger_type,
        start_time=instance.start_time,
        end_time=instance.end_time,
        raw=raw,
    )


def _row(node: Node, raw: bytes, position: int) -> NodeRow:
    return NodeRow(position=position, raw=raw, **attrs.asdict(node, recurse=False))  # its columns are the node's fields
