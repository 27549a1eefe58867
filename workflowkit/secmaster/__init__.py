"""Huawei Cloud SecMaster: the instances of its workflows, and the nodes each has been through."""

from .client import SecMasterClient
from .credentials import AccessKey, IamPassword, IamToken
from .models import DataClass, Node, Playbook, Status, Topology, TriggerType, Workflow, WorkflowInstance

SecMasterInstance = WorkflowInstance
"""The name that `workflowkit` has for it, since Jodoo has another."""

__all__ = [
    "AccessKey",
    "DataClass",
    "IamPassword",
    "IamToken",
    "Node",
    "Playbook",
    "SecMasterClient",
    "SecMasterInstance",
    "Status",
    "Topology",
    "TriggerType",
    "Workflow",
    "WorkflowInstance",
]
