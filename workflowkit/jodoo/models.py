"""What Jodoo's responses hold, under the vendor's field names.

A field is optional where the vendor's pages leave it open, and where its object is useful without it. Absent, null and
an empty object mean the same.
Enumerations are open, since the vendor adds members: a value that they don't list is kept, and is
a `str` or an `int` like the others. Sources: help.jodoo.com/open/18793 (logs), /open/16051
(instance), /open/14220 (records), /open/14216 (fields). hc.jiandaoyun.com has them under the same numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

import attrs

from .._decode.converter import Time
from .._decode.enumeration import OpenNumber, OpenText
from .._decode.model import Model
from ..redact import redact_url


def _redact(url: str | None) -> str:
    return repr(None if url is None else redact_url(url))


class Action(OpenText):
    """How a task came to be (`create_action`) or ended (`finish_action`)."""

    AUTO_APPROVE = "auto_approve"
    FORWARD = "forward"
    BACK = "back"
    CLOSE = "close"
    TRANSFER = "transfer"
    REVOKE = "revoke"
    ACTIVATE = "activate"
    REJECT = "reject"
    AUTO_FORWARD = "auto_forward"
    AUTO_BACK = "auto_back"
    BATCH_FORWARD = "batch_forward"
    BATCH_TRANSFER = "batch_transfer"
    SIGN_BEFORE = "sign_before"
    SIGN_AFTER = "sign_after"
    SIGN_PARALLEL = "sign_parallel"
    INVOKE_PLUGIN = "invoke_plugin"


class InstanceStatus(OpenNumber):
    """The state of an instance. A rejected one is completed."""

    IN_PROGRESS = 0
    COMPLETED = 1
    ENDED_BY_HAND = 2


class FlowState(OpenNumber):
    """The state of a record's instance, as the record has it."""

    IN_PROGRESS = 0
    COMPLETED = 1
    ENDED_BY_HAND = 2
    REJECTED = 3  # documented by 简道云 only


class TaskStatus(OpenNumber):
    """The state of a task."""

    IN_PROGRESS = 0
    COMPLETED = 1
    ENDED_BY_HAND = 2
    ACTIVATED = 4
    PAUSED = 5


@attrs.frozen(kw_only=True)
class Member(Model):
    """A person.

    Attributes:
        username: the member number, unique within one company.
        name: the nickname, not unique.
        departments: numbers of the departments, or None where the vendor doesn't tell.
        type: 0 for a regular member, 1 or 2 for one of a connected organisation.
        status: -1 left, 0 not joined, 1 joined.
        integrate_id: the id in a connected directory (DingTalk, WeCom, Feishu ...), if there is one.
    """

    username: str | None = None
    name: str | None = None
    departments: tuple[int, ...] | None = None
    type: int | None = None
    status: int | None = None
    integrate_id: str | None = None


@attrs.frozen(kw_only=True)
class Signature(Model):
    """A handwritten signature, as an image behind a link that expires after 6 days (简道云: 15)."""

    url: str | None = attrs.field(default=None, repr=_redact)


@attrs.frozen(kw_only=True)
class Attachment(Model):
    """A file behind a link that expires after 6 days (简道云: 15). `size` is in bytes. `url` may be missing."""

    name: str | None = None
    size: int | None = None
    mime: str | None = None
    url: str | None = attrs.field(default=None, repr=_redact)


if TYPE_CHECKING:
    Attachments = tuple[Attachment, ...]
else:  # null is read as none at all, so that nobody has to tell the two apart
    Attachments = tuple[Attachment, ...] | None


@attrs.frozen(kw_only=True)
class WorkflowLog(Model):
    """One row of an instance's log: a task that carries an approval comment.

    The vendor gives it no id. `finish_action` and `finish_time` are None while the task is open.
    """

    flow_id: int
    flow_name: str
    create_time: Time
    create_action: Action | None = None
    finish_action: Action | None = None
    finish_time: Time | None = None
    comment: str | None = None
    signature: Signature | None = None
    attachments: Attachments = ()
    operator: Member | None = None

    def __attrs_post_init__(self) -> None:
        if self.attachments is None:
            object.__setattr__(self, "attachments", ())


@attrs.frozen(kw_only=True)
class Task(Model):
    """One task of an instance, commented or not. Its times are None while it is open."""

    task_id: str
    flow_id: int
    flow_name: str
    create_time: Time
    create_action: Action | None = None
    finish_time: Time | None = None
    finish_action: Action | None = None
    status: TaskStatus | None = None
    title: str | None = None
    app_id: str | None = None
    form_id: str | None = None
    form_title: str | None = None
    instance_id: str | None = None
    url: str | None = None
    assignee: Member | tuple[Member, ...] | None = None
    creator: Member | None = None

    @property
    def assignees(self) -> tuple[Member, ...]:
        """The assignees as a tuple: the vendor documents a list and sends one member."""
        assignee = self.assignee
        return assignee if isinstance(assignee, tuple) else (assignee,) if assignee else ()


@attrs.frozen(kw_only=True)
class WorkflowInstance(Model):
    """One run of a workflow. Its id is that of the form record it belongs to.

    Attributes:
        result: 0 rejected, 1 approved, once completed. Only newer versions of the API tell.
        tasks: oldest first as sent, or None unless they were requested.
    """

    instance_id: str
    status: InstanceStatus | None = None
    create_time: Time | None = None
    update_time: Time | None = None
    finish_time: Time | None = None
    app_id: str | None = None
    form_id: str | None = None
    form_title: str | None = None
    url: str | None = None
    creator: Member | None = None
    result: int | None = None
    tasks: tuple[Task, ...] | None = None


@attrs.frozen(kw_only=True)
class FormRecord(Model):
    """One record of a form. The values of its fields are in `extra`, under the form's names.

    `id` is also the id of the record's workflow instance. `flow_state` is None for a form
    without a workflow, and for a record that is older than the workflow.
    """

    wire_names: ClassVar[Mapping[str, str]] = {
        "id": "_id",
        "app_id": "appId",
        "form_id": "entryId",
        "create_time": "createTime",
        "update_time": "updateTime",
        "flow_state": "flowState",
    }

    id: str
    app_id: str | None = None
    form_id: str | None = None
    creator: Member | None = None
    create_time: Time | None = None
    update_time: Time | None = None
    flow_state: FlowState | None = None


@attrs.frozen(kw_only=True)
class App(Model):
    """An app: a set of forms."""

    app_id: str
    name: str


@attrs.frozen(kw_only=True)
class Form(Model):
    """A form of an app. `entry_id` is what other responses call the form id."""

    entry_id: str
    name: str
    app_id: str | None = None


@attrs.frozen(kw_only=True)
class Subfield(Model):
    """A field of a subform."""

    name: str | None = None
    label: str | None = None
    type: str | None = None


@attrs.frozen(kw_only=True)
class FormField(Model):
    """A field of a form.

    Attributes:
        name: what records call it: its alias, or its id where it has none.
        label: what people see.
        type: such as ``text``, ``number`` or ``upload``.
        items: the fields of a subform, or None for any other field.
    """

    name: str | None = None
    label: str | None = None
    type: str | None = None
    items: tuple[Subfield, ...] | None = None


@attrs.frozen(kw_only=True)
class LogsPage(Model):
    """The envelope of a page of logs."""

    logs: tuple[WorkflowLog, ...]


@attrs.frozen(kw_only=True)
class RecordsPage(Model):
    """The envelope of a page of form records."""

    data: tuple[FormRecord, ...]


@attrs.frozen(kw_only=True)
class AppsPage(Model):
    """The envelope of a page of apps."""

    apps: tuple[App, ...]


@attrs.frozen(kw_only=True)
class FormsPage(Model):
    """The envelope of a page of forms."""

    forms: tuple[Form, ...]


@attrs.frozen(kw_only=True)
class FieldsPage(Model):
    """The envelope of a form's fields."""

    widgets: tuple[FormField, ...]
