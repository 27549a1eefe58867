"""What a harvest takes in: sources, and the rows they turn responses into.

A source belongs to one system. The harvest and the archive know it only by what is declared
here. The columns of the archive's tables are the fields of these rows, which aren't frozen: they
are made by the million, and frozen ones cost more to make.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from datetime import datetime
from typing import Protocol

import attrs


@attrs.frozen(kw_only=True)
class InstanceRef:
    """An instance to harvest, with what its listing said of it. None means that it didn't say.

    `status` is the vendor's, `raw` the vendor's own JSON. `is_open` says whether it can still grow. `creator` is
    the name of the person who started it.
    """

    id: str
    app_id: str | None = None
    form_id: str | None = None
    status: str | None = None
    is_open: bool | None = None
    name: str | None = None
    workflow_name: str | None = None
    trigger_type: str | None = None
    creator: str | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    raw: bytes | None = None


@attrs.define(kw_only=True)
class LogRow:
    """One log of one instance. `position` counts from 0, `raw` is the vendor's own JSON."""

    position: int
    flow_id: int
    flow_name: str
    create_action: str | None
    create_time: datetime
    finish_action: str | None
    finish_time: datetime | None
    operator_username: str | None
    operator_name: str | None
    comment: str | None
    signature_url: str | None
    raw: bytes


@attrs.define(kw_only=True)
class AttachmentRow:
    """One expiring link of a log, to a file or to the signature.

    Attributes:
        ordinal: position among the log's files; -1 for the signature.
        link: the URL without its signed query. It identifies the file.
    """

    position: int
    ordinal: int
    name: str | None
    size: int | None
    mime: str | None
    url: str
    expires_at: datetime | None
    link: str = attrs.field(init=False)

    @link.default
    def _link(self) -> str:
        return self.url.partition("?")[0]


@attrs.define(kw_only=True)
class TaskRow:
    """One task of one instance, commented or not. `position` is that of the list, `raw` the vendor's own JSON."""

    position: int
    task_id: str
    flow_id: int
    flow_name: str
    title: str | None
    status: int | None
    create_action: str | None
    create_time: datetime
    finish_action: str | None
    finish_time: datetime | None
    assignee_username: str | None
    assignee_name: str | None
    raw: bytes


@attrs.define(kw_only=True)
class NodeRow:
    """One node of an instance's topology. `position` is that of the list, `raw` the vendor's own JSON."""

    position: int
    instance_type: str | None
    action_id: str | None
    action_name: str | None
    parent_instance_id: str | None
    start_time: datetime | None
    end_time: datetime | None
    status: str | None
    succeed: bool | None
    error_msg: str | None
    input: str | None
    output: str | None
    raw: bytes


Row = LogRow | AttachmentRow | TaskRow | NodeRow


@attrs.define(kw_only=True)
class RecordRow:
    """The business content of an instance: its record of a form. `raw` is the vendor's own JSON."""

    instance_id: str
    app_id: str | None
    form_id: str | None
    create_time: datetime | None
    update_time: datetime | None
    creator: str | None
    raw: bytes


@attrs.define(kw_only=True)
class FormRow:
    """A form and its name."""

    app_id: str
    form_id: str
    name: str


@attrs.define(kw_only=True)
class FieldRow:
    """A field of a form: what records call it, and what people see. `position` is its place in the form.

    The name of a subform's field begins with the subform's name and a dot.
    """

    form_id: str
    name: str
    label: str | None
    type: str | None
    position: int


@attrs.frozen(kw_only=True)
class Chunk:
    """Instances as a listing names them, and how many requests that took.

    Attributes:
        records: the content of these instances, where the listing has it.
        forms: the names of forms that were read on the way.
        fields: the labels of fields that were read on the way.
        without_instance: how many records were left out, since they have no instance.
        cursor: where the listing continues, for `Source.instances`, or None where it can't, and at its end.
    """

    refs: Sequence[InstanceRef]
    records: Sequence[RecordRow] = ()
    forms: Sequence[FormRow] = ()
    fields: Sequence[FieldRow] = ()
    without_instance: int = 0
    requests: int = 0
    cursor: str | None = None


@attrs.frozen(kw_only=True)
class Batch:
    """Rows that one request of an instance brought.

    Attributes:
        rows: all there are of these kinds from position `first` to the next batch's.
        kinds: the kinds of rows that it is about.
        first: the first position that it is about.
        cursor: where to continue, for `Source.batches`, or None if this was the last.
        requests: how many it took, repeated ones included.
    """

    rows: Sequence[Row]
    kinds: Sequence[type[Row]]
    first: int = 0
    cursor: int | None = None
    requests: int


class Source(Protocol):
    """Yields instances, and the rows of each.

    Attributes:
        system: whose instances they are, such as ``jodoo``.
        tenant: whose rate limit reading them uses.
        name: what it harvests: a run that was cut short is continued by one of the same name.
        window: seconds in which the tenant's limit counts requests, or 0 if there is none.
        rate: requests per second that reading instances may take, or None for no limit.
        requests_each: how many a short instance takes.
        link_days: days after which links in its rows expire, or None if there are none.
        file_hosts: the hosts that those links lead to, with ``:port`` if it isn't https on its usual port.
        resumable: whether its listing can be continued, or begun again, from a cursor.
    """

    system: str
    tenant: str
    name: str
    window: float
    rate: float | None
    requests_each: int
    link_days: int | None
    file_hosts: Sequence[str]
    resumable: bool

    @property
    def kinds(self) -> Sequence[type[Row]]:
        """The kinds of rows that it brings of each instance: all there are of them."""

    def instances(self, after: str | None = None) -> AsyncIterator[Chunk]:
        """Yield what to harvest, as it comes, from a cursor on. The same id may come again."""

    def batches(self, instance_id: str, after: int | None = None) -> AsyncGenerator[Batch]:
        """Yield all rows of one instance, page by page, or those from a cursor on.

        Where there are rows before the cursor, the first batch begins with the last of them.
        """
