"""SecMaster instances as a harvest takes them in: the list has each of them, and one more request gets its nodes."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence

import attrs

from .._decode.converter import decode
from .._decode.document import Document
from ..client import Pace, Result
from ..paginator import Paginator
from ..source import Batch, Chunk, InstanceRef, NodeRow, Row
from .models import Node, Status, WorkflowInstance
from .times import read_times

Detail = Callable[[str], Awaitable[Result[WorkflowInstance]]]
"""Gets an instance with its topology."""


_FINAL = (Status.FAILED, Status.FINISHED, Status.TERMINATED)


class WorkspaceSource:
    """The instances of a listing, with their nodes where a way to get those is given."""

    system: str = "secmaster"
    resumable: bool = True
    link_days: int | None = None
    file_hosts: Sequence[str] = ()

    def __init__(
        self,
        name: str,
        pace: Pace,
        listing: Paginator[WorkflowInstance],
        detail: Detail | None,
    ) -> None:
        self._listing = listing
        self._detail = detail
        self.name: str = name
        self.tenant: str = pace.tenant
        self.window: float = pace.window
        self.rate: float | None = pace.rate
        self.kinds: Sequence[type[Row]] = () if detail is None else (NodeRow,)
        self.requests_each: int = 0 if detail is None else 1

    async def instances(self, after: str | None = None) -> AsyncIterator[Chunk]:
        """Yield the instances a page at a time, with all that the list has of them."""
        async for page in self._listing.pages(after=after):
            refs = [_ref(instance, raw) for instance, raw in zip(page.items, page.raw, strict=True)]
            yield Chunk(refs=refs, requests=page.attempts, cursor=None if page.cursor is None else str(page.cursor))

    async def batches(self, instance_id: str, after: int | None = None) -> AsyncGenerator[Batch]:
        """Yield the instance's nodes, in one batch whatever the cursor. No rows unless they are wanted."""
        if self._detail is None:
            yield Batch(rows=(), kinds=(), requests=0)
            return
        result = await self._detail(instance_id)
        nodes = zip(result.items, result.raws, strict=True)
        rows = [_row(node, raw, position) for position, (node, raw) in enumerate(nodes)]
        yield Batch(rows=rows, kinds=(NodeRow,), requests=result.attempts)


def _ref(instance: WorkflowInstance, raw: bytes) -> InstanceRef:
    return InstanceRef(
        id=instance.id,
        status=instance.status,
        is_open=None if instance.status is None else instance.status not in _FINAL,
        name=instance.name,
        workflow_name=instance.workflow.name if instance.workflow else None,
        trigger_type=instance.trigger_type,
        start_time=instance.start_time,
        end_time=instance.end_time,
        raw=raw,
    )


def _row(node: Node, raw: bytes, position: int) -> NodeRow:
    return NodeRow(position=position, raw=raw, **attrs.asdict(node, recurse=False))  # its columns are the node's fields


def _reread(raw: bytes, position: int) -> Sequence[Row]:
    return [_row(decode(Document(read_times(raw)), Node), raw, position)]


READERS: Mapping[str, Callable[[bytes, int], Sequence[Row]]] = {"nodes": _reread}
"""How rows are made anew from the raw JSON that an archive keeps, by table."""
