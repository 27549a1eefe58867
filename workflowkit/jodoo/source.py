"""Jodoo instances as a harvest takes them in: one log request per page of an instance."""

from __future__ import annotations

from collections import deque
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
from ..source import AttachmentRow, Batch, Chunk, InstanceRef, LogRow, Row, TaskRow
from .models import FlowState, Form, FormRecord, Task, WorkflowInstance, WorkflowLog

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


class FormSource(LogSource):
    """The logs of a form's records, or of every workflow form of an app.

    Records without an instance are left out.
    """

    resumable: bool = True

    def __init__(
        self,
        reading: Reading,
        app_id: str,
        entry_id: str | None,
        *,
        forms: Callable[[str], Paginator[Form]],
        records: Callable[[str, str], Paginator[FormRecord]],
    ) -> None:
        super().__init__(reading, ())
        self._app_id = app_id
        self._entry_id = entry_id
        self._forms = forms
        self._records = records
        self.name: str = f"app {app_id}" if entry_id is None else f"app {app_id}, form {entry_id}"

    async def instances(self, after: str | None = None) -> AsyncIterator[Chunk]:
        """Yield the records of each form, a page at a time. A cursor names the forms left and a record of the first."""
        forms, _, record = (after or "").partition("/")
        entry_ids = deque(forms.split(",") if forms else [self._entry_id] if self._entry_id else [])
        requests = 0
        if not entry_ids:
            async for page in self._forms(self._app_id).pages():
                requests += page.attempts
                entry_ids.extend(form.entry_id for form in page.items)
        if not entry_ids:
            yield Chunk(refs=(), requests=requests)
        while entry_ids:
            entry_id = entry_ids[0]
            async for records in self._records(self._app_id, entry_id).pages(after=record or None):
                if records.cursor is None:
                    entry_ids.popleft()
                cursor = f"{','.join(entry_ids)}/{records.cursor or ''}" if entry_ids else None
                pairs = zip(records.items, records.raw, strict=True)
                refs = [self._ref_of(each, entry_id) for each, raw in pairs if self._has_instance(each, raw)]
                yield Chunk(refs=refs, requests=requests + records.attempts, cursor=cursor)
                requests = 0
            record = ""

    def _has_instance(self, record: FormRecord, raw: bytes) -> bool:
        """Return whether a record can have an instance.

        ``flowState`` is null for a record that is older than its form's workflow, or was made by the API. It is absent
        for a form without a workflow, which is left out unless it was named.
        """
        return record.flow_state is not None or (self._entry_id is not None and b'"flowState"' not in raw)

    def _ref_of(self, record: FormRecord, entry_id: str) -> InstanceRef:
        state = record.flow_state
        return InstanceRef(
            id=record.id,
            app_id=record.app_id or self._app_id,
            form_id=record.form_id or entry_id,
            status=None if state is None else str(state),
            is_open=None if state is None else state == FlowState.IN_PROGRESS,
        )


def _ref(instance_id: str) -> InstanceRef:
    check_id("instance_id", instance_id)
    return InstanceRef(id=instance_id)


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


READERS: Mapping[str, Callable[[bytes, int], Sequence[Row]]] = {
    "logs": _reread_log,
    "tasks": lambda raw, position: [_task_row(decode(Document(raw), Task), raw, position)],
}
"""How a row, and the links in it, are made anew from the raw JSON that an archive keeps, by table."""
