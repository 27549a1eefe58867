"""Jodoo instances as a harvest takes them in: one log request per page of an instance."""

from __future__ import annotations

from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from datetime import UTC, datetime
from itertools import count, islice
from urllib.parse import parse_qs, urlsplit

import attrs

from .._decode.converter import decode
from .._decode.document import Document
from ..arguments import check_id
from ..client import Pace, Result
from ..paginator import Paginator
from ..source import AttachmentRow, Batch, Chunk, InstanceRef, LogRow, RecordRow, Row, TaskRow
from .models import FormRecord, Task, WorkflowInstance, WorkflowLog

_CHUNK = 500
_SIGNATURE = -1


@attrs.frozen(kw_only=True)
class Reading:
    """How a client reads instances for a source.

    Attributes:
        pace: whose rate limit that uses, and how much of it.
        link_days: days after which links to attachments and signatures expire.
        file_hosts: the hosts that they lead to.
        requests_each: how many requests a short instance takes.
        logs: lists an instance's logs.
        instance: gets an instance with all its tasks, None where those are not wanted.
    """

    pace: Pace
    link_days: int
    file_hosts: Sequence[str]
    requests_each: int
    logs: Callable[[str], Paginator[WorkflowLog]]
    instance: Callable[[str], Awaitable[Result[WorkflowInstance]]] | None


class LogSource:
    """The logs of instances whose ids are given, and their tasks if those are read."""

    system: str = "jodoo"
    resumable: bool = False

    def __init__(self, reading: Reading, instance_ids: Iterable[str] | AsyncIterable[str]) -> None:
        self._reading = reading
        self._ids = instance_ids
        self.name: str = "ids"
        self.tenant: str = reading.pace.tenant
        self.window: float = reading.pace.window
        self.rate: float | None = reading.pace.rate
        self.kinds: Sequence[type[Row]] = (LogRow, AttachmentRow, *((TaskRow,) if reading.instance else ()))
        self.requests_each: int = reading.requests_each
        self.link_days: int | None = reading.link_days
        self.file_hosts: Sequence[str] = reading.file_hosts

    async def instances(self, after: str | None = None) -> AsyncIterator[Chunk]:
        """Yield the given ids in their order. An asynchronous iterable's one by one as they come."""
        if isinstance(self._ids, AsyncIterable):
            async for instance_id in self._ids:
                yield Chunk(refs=[_ref(instance_id)])
        else:
            ids = iter(self._ids)
            while refs := [_ref(instance_id) for instance_id in islice(ids, _CHUNK)]:
                yield Chunk(refs=refs)

    async def batches(self, instance_id: str, after: int | None = None) -> AsyncGenerator[Batch]:
        """Yield the instance's tasks, if they are wanted, then each page of its logs with the links in them.

        A cursor is the number of logs that were read. The last of them comes once more.
        """
        if self._reading.instance is not None and after is None:
            result = await self._reading.instance(instance_id)
            tasks = [_task_row(*each) for each in zip(result.items, result.raws, count(), strict=False)]
            yield Batch(rows=tasks, kinds=(TaskRow,), cursor=0, requests=result.attempts)
        position = max(0, (after or 0) - 1)
        async for page in self._reading.logs(instance_id).pages(after=position or None):
            first = position
            rows: list[Row] = []
            for log, raw in zip(page.items, page.raw, strict=True):
                rows.append(_log_row(log, raw, position))
                if log.attachments or log.signature:
                    rows.extend(_links(log, position))
                position += 1
            cursor = None if page.cursor is None else position
            yield Batch(rows=rows, kinds=(LogRow, AttachmentRow), first=first, cursor=cursor, requests=page.attempts)


def _ref(instance_id: str) -> InstanceRef:
    check_id("instance_id", instance_id)
    return InstanceRef(id=instance_id)


def record_row(record: FormRecord, raw: bytes) -> RecordRow:
    """Return a record as the archive keeps it."""
    return RecordRow(
        instance_id=record.id,
        app_id=record.app_id,
        form_id=record.form_id,
        create_time=record.create_time,
        update_time=record.update_time,
        creator=record.creator.name if record.creator else None,
        raw=raw,
    )


def _log_row(log: WorkflowLog, raw: bytes, position: int) -> LogRow:
    return LogRow(
        position=position,
        flow_id=log.flow_id,
        flow_name=log.flow_name,
        create_action=log.create_action,
        create_time=log.create_time,
        finish_action=log.finish_action,
        finish_time=log.finish_time,
        operator_username=log.operator.username if log.operator else None,
        operator_name=log.operator.name if log.operator else None,
        comment=log.comment,
        signature_url=log.signature.url if log.signature else None,
        raw=raw,
    )


def _task_row(task: Task, raw: bytes, position: int) -> TaskRow:
    assignee = task.assignees[0] if task.assignees else None
    return TaskRow(
        position=position,
        task_id=task.task_id,
        flow_id=task.flow_id,
        flow_name=task.flow_name,
        title=task.title,
        status=task.status,
        create_action=task.create_action,
        create_time=task.create_time,
        finish_action=task.finish_action,
        finish_time=task.finish_time,
        assignee_username=assignee.username if assignee else None,
        assignee_name=", ".join(member.name for member in task.assignees if member.name) or None,
        raw=raw,
    )


def _links(log: WorkflowLog, position: int) -> Iterator[AttachmentRow]:
    for ordinal, file in enumerate(log.attachments):
        if file.url:
            yield _link(file.url, position, ordinal, name=file.name, size=file.size, mime=file.mime)
    if log.signature and log.signature.url:
        yield _link(log.signature.url, position, _SIGNATURE)


def _link(
    url: str,
    position: int,
    ordinal: int,
    *,
    name: str | None = None,
    size: int | None = None,
    mime: str | None = None,
) -> AttachmentRow:
    expires_at = expiry(url)
    return AttachmentRow(
        position=position, ordinal=ordinal, name=name, size=size, mime=mime, url=url, expires_at=expires_at
    )


def expiry(url: str) -> datetime | None:
    """Return when a signed link expires, as its ``e=`` says, or None where it doesn't say."""
    try:
        return datetime.fromtimestamp(int(parse_qs(urlsplit(url).query)["e"][0]), UTC)
    except (KeyError, ValueError, OverflowError, OSError):
        return None


def _reread_log(raw: bytes, position: int) -> Sequence[Row]:
    log = decode(Document(raw), WorkflowLog)
    return [_log_row(log, raw, position), *_links(log, position)]


READERS: Mapping[str, Callable[[bytes, int], Sequence[Row | RecordRow]]] = {
    "logs": _reread_log,
    "tasks": lambda raw, position: [_task_row(decode(Document(raw), Task), raw, position)],
    "records": lambda raw, _: [record_row(decode(Document(raw), FormRecord), raw)],
}
"""How a row, and the links in it, are made anew from the raw JSON that an archive keeps, by table."""
