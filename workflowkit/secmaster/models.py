"""What SecMaster's responses hold, under the vendor's field names.

The vendor says of no field whether it may be absent or null, and its own sample leaves several
out. So all but an instance's id are optional, and absent and null mean the same. An empty string
stays one. Enumerations are open: a value that they don't list is kept, and is a `str` like the others.
Sources: support.huaweicloud.com/api-secmaster/ShowAopWorkflowInstance.html and
ListAopWorkflowInstance.html.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from .._decode.converter import Time
from .._decode.enumeration import OpenText
from .._decode.model import Model
from .times import read_times


class TriggerType(OpenText):
    """What set an instance off."""

    DEBUG = "DEBUG"
    TIMER = "TIMER"
    EVENT = "EVENT"
    MANUAL = "MANUAL"


class Status(OpenText):
    """The state of an instance, or of a node. Of nodes RUNNING, FAILED and FINISHED are documented."""

    CREATED = "CREATED"  # seen in the vendor's Terraform provider, not in its documentation
    RUNNING = "RUNNING"
    FAILED = "FAILED"
    FINISHED = "FINISHED"
    RETRYING = "RETRYING"
    TERMINATING = "TERMINATING"
    TERMINATED = "TERMINATED"


class ResponseModel(Model):
    """Base of what whole responses decode to: it reads SecMaster's times."""

    __slots__ = ()

    @classmethod
    def prepare(cls, body: bytes) -> bytes:
        """Return the body with its times as RFC 3339 has them."""
        return read_times(body)


@attrs.frozen(kw_only=True)
class Workflow(Model):
    """The workflow an instance runs. `name` is the Chinese name."""

    id: str | None = None
    name: str | None = None
    name_en: str | None = None
    version: str | None = None
    version_id: str | None = None


@attrs.frozen(kw_only=True)
class DataClass(Model):
    """The kind of object the workflow works on, such as an alert."""

    id: str | None = None
    name: str | None = None
    en_name: str | None = None


@attrs.frozen(kw_only=True)
class Playbook(Model):
    """The playbook that started the instance."""

    id: str | None = None
    name: str | None = None
    en_name: str | None = None


@attrs.frozen(kw_only=True)
class Node(Model):
    """One step of an instance. The vendor gives it no id of its own, nor edges between nodes.

    Attributes:
        instance_type: TASK is the only documented one.
        action_id: the node within the workflow's definition.
        parent_instance_id: supposed to be the instance it belongs to: the workflow's, or a sub-workflow's.
        input: text, supposed to be JSON.
        output: text, supposed to be JSON.
        succeed: the vendor's own verdict. It may disagree with `status`.
    """

    instance_type: str | None = None
    action_id: str | None = None
    action_name: str | None = None
    start_time: Time | None = None
    end_time: Time | None = None
    error_msg: str | None = None
    input: str | None = None
    output: str | None = None
    parent_instance_id: str | None = None
    status: Status | None = None
    succeed: bool | None = None


if TYPE_CHECKING:
    Nodes = tuple[Node, ...]
else:  # null is read as none at all, so that nobody has to tell the two apart
    Nodes = tuple[Node, ...] | None


@attrs.frozen(kw_only=True)
class Topology(Model):
    """The nodes an instance has been through, in the vendor's order, which it doesn't document."""

    audit_logs: Nodes = ()

    def __attrs_post_init__(self) -> None:
        if self.audit_logs is None:
            object.__setattr__(self, "audit_logs", ())


@attrs.frozen(kw_only=True)
class WorkflowInstance(ResponseModel):
    """One run of a workflow.

    Attributes:
        end_time: supposed to be None while it runs.
        retry_count: how often it was run again.
        defense_id: the layer of defence it belongs to. It is empty in the vendor's sample.
        dataobject_id: the object that set it off.
        topology: None where it wasn't sent, as when it isn't asked for.
    """

    id: str
    name: str | None = None
    workflow: Workflow | None = None
    dataclass: DataClass | None = None
    playbook: Playbook | None = None
    trigger_type: TriggerType | None = None
    status: Status | None = None
    start_time: Time | None = None
    end_time: Time | None = None
    retry_count: int | None = None
    defense_id: str | None = None
    dataobject_id: str | None = None
    topology: Topology | None = None


if TYPE_CHECKING:
    Instances = tuple[WorkflowInstance, ...]
else:
    Instances = tuple[WorkflowInstance, ...] | None


@attrs.frozen(kw_only=True)
class InstancesPage(ResponseModel):
    """The envelope of a page of instances. The vendor doesn't say whether `count` is the total or the page's."""

    instances: Instances
    count: int | None = None

    def __attrs_post_init__(self) -> None:
        if self.instances is None:
            object.__setattr__(self, "instances", ())
