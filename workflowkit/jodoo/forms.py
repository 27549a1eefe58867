"""A form's records as a harvest takes them in: each is an instance, with its business content."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from itertools import count

from ..client import Result
from ..errors import DecodeError, InvalidRequest, NotFound, PermissionDenied
from ..paginator import Cursor, Paginator
from ..source import Chunk, FieldRow, FormRow, InstanceRef
from .models import FieldsPage, FlowState, Form, FormField, FormRecord, Subfield
from .source import LogSource, Reading, record_row

_REFUSED = (PermissionDenied, NotFound, InvalidRequest, DecodeError)
"""Errors for which names and labels are left out: they are no reason to harvest nothing."""


class FormSource(LogSource):
    """The logs of a form's records, or of every workflow form of an app, with the records themselves.

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
        fields: Callable[[str, str], Awaitable[Result[FieldsPage]]],
    ) -> None:
        super().__init__(reading, ())
        self._app_id = app_id
        self._entry_id = entry_id
        self._forms = forms
        self._records = records
        self._fields = fields
        self.name: str = f"app {app_id}" if entry_id is None else f"app {app_id}, form {entry_id}"

    async def instances(self, after: str | None = None) -> AsyncIterator[Chunk]:
        """Yield the forms, then each form's records, a page at a time. The first page comes with the form's fields.

        A cursor names the forms that are left, and a record of the first.
        """
        forms, _, record = (after or "").partition("/")
        entry_ids = deque(forms.split(",") if forms else ())
        if after is None:
            found, requests = await self._find_forms()
            entry_ids.extend([self._entry_id] if self._entry_id else [form.form_id for form in found])
            yield Chunk(refs=(), forms=found, requests=requests, cursor=_cursor(entry_ids))
        while entry_ids:
            entry_id = entry_ids[0]
            fields, requests = ((), 0) if record else await self._fields_of(entry_id)
            async for page in self._records(self._app_id, entry_id).pages(after=record or None):
                if page.cursor is None:
                    entry_ids.popleft()
                pairs = zip(page.items, page.raw, strict=True)
                kept = [(each, raw) for each, raw in pairs if self._has_instance(each, raw)]
                yield Chunk(
                    refs=[self._ref_of(each, entry_id) for each, _ in kept],
                    records=[record_row(each, raw) for each, raw in kept],
                    fields=fields,
                    without_instance=len(page.items) - len(kept),
                    requests=requests + page.attempts,
                    cursor=_cursor(entry_ids, page.cursor),
                )
                fields, requests = (), 0
            record = ""

    async def _find_forms(self) -> tuple[list[FormRow], int]:
        """Return the app's forms, or the one that is wanted, and how many requests that took.

        The one that is wanted is harvested without its name, if the key may not list the forms.
        """
        found: list[FormRow] = []
        requests = 0
        try:
            async for page in self._forms(self._app_id).pages():
                requests += page.attempts
                found += [
                    FormRow(app_id=self._app_id, form_id=form.entry_id, name=form.name)
                    for form in page.items
                    if self._entry_id in (None, form.entry_id)
                ]
                if self._entry_id and found:
                    break
        except _REFUSED as error:
            if self._entry_id is None:
                raise
            requests += error.attempts
        return found, requests

    async def _fields_of(self, entry_id: str) -> tuple[Sequence[FieldRow], int]:
        """Return a form's fields, and how many requests that took. There are none if the key may not see them."""
        try:
            result = await self._fields(self._app_id, entry_id)
        except _REFUSED as error:
            return (), error.attempts
        return list(_field_rows(entry_id, result.value.widgets)), result.attempts

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
            creator=record.creator.name if record.creator else None,
            start_time=record.create_time,
        )


def _cursor(entry_ids: Iterable[str], record: Cursor | None = None) -> str | None:
    """Return the place in a listing of these forms, before a record of the first. None is its end."""
    left = ",".join(entry_ids)
    return f"{left}/{record or ''}" if left else None


def _field_rows(entry_id: str, fields: Iterable[FormField]) -> Iterator[FieldRow]:
    """Yield a row for each field, and after a subform one for each of its fields."""
    position = count()
    for field in fields:
        named: list[tuple[str, FormField | Subfield]] = [(field.name or "", field)]
        named += [(f"{field.name}.{item.name}", item) for item in field.items or () if item.name]
        for name, each in named if field.name else ():
            yield FieldRow(form_id=entry_id, name=name, label=each.label, type=each.type, position=next(position))
