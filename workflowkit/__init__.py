"""Asyncio SDK for two workflow systems: Jodoo (简道云) and Huawei Cloud SecMaster. It keeps their rate limits.

A name is imported when it is first used, so ``import workflowkit`` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from .errors import ApiError as ApiError
    from .errors import AuthenticationError as AuthenticationError
    from .errors import ConfigError as ConfigError
    from .errors import DecodeError as DecodeError
    from .errors import HarvestError as HarvestError
    from .errors import InvalidRequest as InvalidRequest
    from .errors import NotFound as NotFound
    from .errors import PermissionDenied as PermissionDenied
    from .errors import QuotaExceeded as QuotaExceeded
    from .errors import RateLimited as RateLimited
    from .errors import ServerError as ServerError
    from .errors import TransportError as TransportError
    from .errors import WorkflowKitError as WorkflowKitError
    from .files import FileStore as FileStore
    from .harvesting import Summary as Summary
    from .harvesting import harvest as harvest
    from .jodoo import App as App
    from .jodoo import Attachment as Attachment
    from .jodoo import Form as Form
    from .jodoo import FormRecord as FormRecord
    from .jodoo import JodooClient as JodooClient
    from .jodoo import JodooInstance as JodooInstance
    from .jodoo import Member as Member
    from .jodoo import Signature as Signature
    from .jodoo import Task as Task
    from .jodoo import WorkflowLog as WorkflowLog
    from .paginator import Page as Page
    from .paginator import Paginator as Paginator
    from .retry import RetryPolicy as RetryPolicy
    from .secmaster import AccessKey as AccessKey
    from .secmaster import DataClass as DataClass
    from .secmaster import IamPassword as IamPassword
    from .secmaster import IamToken as IamToken
    from .secmaster import Node as Node
    from .secmaster import Playbook as Playbook
    from .secmaster import SecMasterClient as SecMasterClient
    from .secmaster import SecMasterInstance as SecMasterInstance
    from .secmaster import Topology as Topology
    from .secmaster import Workflow as Workflow

_NAMES = {
    "files": "FileStore",
    "archive": "Archive",
    "harvesting": "Summary harvest",
    "jodoo": "App Attachment Form FormRecord JodooClient JodooInstance Member Signature Task WorkflowLog",
    "paginator": "Page Paginator",
    "retry": "RetryPolicy",
    "secmaster": "AccessKey DataClass IamPassword IamToken Node Playbook SecMasterClient SecMasterInstance Topology "
    "Workflow",
}
_HOME = {name: module for module, names in _NAMES.items() for name in names.split()}
"""The module of each name. The errors have one of their own."""

__all__ = [
    "AccessKey",
    "ApiError",
    "App",
    "Archive",
    "Attachment",
    "AuthenticationError",
    "ConfigError",
    "DataClass",
    "DecodeError",
    "FileStore",
    "Form",
    "FormRecord",
    "HarvestError",
    "IamPassword",
    "IamToken",
    "InvalidRequest",
    "JodooClient",
    "JodooInstance",
    "Member",
    "Node",
    "NotFound",
    "Page",
    "Paginator",
    "PermissionDenied",
    "Playbook",
    "QuotaExceeded",
    "RateLimited",
    "RetryPolicy",
    "SecMasterClient",
    "SecMasterInstance",
    "ServerError",
    "Signature",
    "Summary",
    "Task",
    "Topology",
    "TransportError",
    "Workflow",
    "WorkflowKitError",
    "WorkflowLog",
    "__version__",
    "harvest",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME.get(name, 'errors')}", __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)
