"""Jodoo instances as a harvest takes them in: one log request per page of an instance."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import parse_qs, urlsplit

from ..arguments import check_id
from ..paginator import Paginator
from ..source import AttachmentRow, Batch, InstanceRef, LogRow, Row
from .models import WorkflowLog

if TYPE_CHECKING:
    from .client import JodooClient

T = TypeVar("T")

_CHUNK = 500
_SIGNATURE = -1


class LogSource:
    """The logs of instances whose ids are given."""

    system = "jodoo"

    def __init__(self, client: JodooClient, instance_ids: Iterable[str] | AsyncIterable[str]) -> None:
        self._client = client
        self._ids = instance_ids
        self.tenant: str = client.tenant
        self.kinds: Sequence[type[Row]] = (LogRow, AttachmentRow)
        self.requests = 0
        self.window: float = client.window

    async def instances(self) -> AsyncIterator[Sequence[InstanceRef]]:
        """Yield the given ids in their order; an asynchronous iterable's one by one as they come."""
        if isinstance(self._ids, AsyncIterable):
            async for instance_id in self._ids:
                yield [_ref(instance_id)]
        else:
            ids = iter(self._ids)
            while chunk := [_ref(instance_id) for instance_id in islice(ids, _CHUNK)]:
                yield chunk

    async def batches(self, instance_id: str) -> AsyncIterator[Batch]:
        """Yield each page of the instance's logs, with the links in them."""
        position = 0
        async for page in self._client.workflow_logs(instance_id).pages():
            rows: list[Row] = []
            for log, raw in zip(page.items, page.raw, strict=True):
                rows.append(_log_row(log, raw, position))
                rows.extend(_links(log, position))
                position += 1
            yield Batch(rows=rows, requests=page.attempts)


class FormSource(LogSource):
    """The logs of a form's records, or of every workflow form of an app.

    A form that is named is taken whole; of an app, records without a workflow state are left out.
    """

    def __init__(self, client: JodooClient, app_id: str, entry_id: str | None = None) -> None:
        super().__init__(client, ())
        self._app_id = app_id
        self._entry_id = entry_id

    async def instances(self) -> AsyncIterator[Sequence[InstanceRef]]:
        """Yield the records of each form, a page at a time."""
        entry_ids = [self._entry_id] if self._entry_id else await self._entry_ids()
        for entry_id in entry_ids:
            async for records in self._listed(self._client.form_records(self._app_id, entry_id)):
                yield [
                    InstanceRef(
                        id=record.id,
                        app_id=record.app_id or self._app_id,
                        form_id=record.form_id or entry_id,
                        status=None if record.flow_state is None else str(record.flow_state),
                    )
                    for record in records
                    if self._entry_id or record.flow_state is not None
                ]

    async def _entry_ids(self) -> list[str]:
        forms = self._client.forms(self._app_id)
        return [form.entry_id async for page in self._listed(forms) for form in page]

    async def _listed(self, listing: Paginator[T]) -> AsyncIterator[tuple[T, ...]]:
        async for page in listing.pages():
            self.requests += page.attempts
            yield page.items


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


def _links(log: WorkflowLog, position: int) -> Iterator[AttachmentRow]:
    for ordinal, file in enumerate(log.attachments):
        yield AttachmentRow(
            position=position,
            ordinal=ordinal,
            name=file.name,
            size=file.size,
            mime=file.mime,
            url=file.url,
            expires_at=expiry(file.url),
        )
    if log.signature:
        url = log.signature.url
        yield AttachmentRow(
            position=position,
            ordinal=_SIGNATURE,
            name=None,
            size=None,
            mime=None,
            url=url,
            expires_at=expiry(url),
        )


def expiry(url: str) -> datetime | None:
    """Return when a signed link dies, as its ``e=`` says; None where it doesn't say."""
    try:
        return datetime.fromtimestamp(int(parse_qs(urlsplit(url).query)["e"][0]), UTC)
    except (KeyError, ValueError, OverflowError, OSError):
        return None
