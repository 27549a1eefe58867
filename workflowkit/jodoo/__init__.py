"""Jodoo and its Chinese edition, 简道云: instances, their logs, and the forms they belong to."""

from .client import JodooClient
from .models import (
    Action,
    App,
    Attachment,
    FlowState,
    Form,
    FormRecord,
    InstanceStatus,
    Member,
    Signature,
    Task,
    TaskStatus,
    WorkflowInstance,
    WorkflowLog,
)

JodooInstance = WorkflowInstance
"""The name that `workflowkit` has for it, since SecMaster has another."""

__all__ = [
    "Action",
    "App",
    "Attachment",
    "FlowState",
    "Form",
    "FormRecord",
    "InstanceStatus",
    "JodooClient",
    "JodooInstance",
    "Member",
    "Signature",
    "Task",
    "TaskStatus",
    "WorkflowInstance",
    "WorkflowLog",
]
