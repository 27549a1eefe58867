"""Asyncio SDK for workflow systems: Jodoo (简道云) and Huawei Cloud SecMaster, without tripping their limits.

Names are imported when they are first used, so ``import workflowkit`` costs next to nothing.
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
    from .harvesting import Archive as Archive
    from .harvesting import Summary as Summary
    from .harvesting import harvest as harvest
    from .jodoo import JodooClient as JodooClient
    from .paginator import Page as Page
    from .paginator import Paginator as Paginator
    from .retry import RetryPolicy as RetryPolicy
    from .secmaster import AccessKey as AccessKey
    from .secmaster import IamPassword as IamPassword
    from .secmaster import IamToken as IamToken
    from .secmaster import SecMasterClient as SecMasterClient

_HOME = {
    "AccessKey": "secmaster",
    "Archive": "harvesting",
    "FileStore": "files",
    "IamPassword": "secmaster",
    "IamToken": "secmaster",
    "JodooClient": "jodoo",
    "Page": "paginator",
    "Paginator": "paginator",
    "RetryPolicy": "retry",
    "SecMasterClient": "secmaster",
    "Summary": "harvesting",
    "harvest": "harvesting",
}

__all__ = [
    "AccessKey",
    "ApiError",
    "Archive",
    "AuthenticationError",
    "ConfigError",
    "DecodeError",
    "FileStore",
    "HarvestError",
    "IamPassword",
    "IamToken",
    "InvalidRequest",
    "JodooClient",
    "NotFound",
    "Page",
    "Paginator",
    "PermissionDenied",
    "QuotaExceeded",
    "RateLimited",
    "RetryPolicy",
    "SecMasterClient",
    "ServerError",
    "Summary",
    "TransportError",
    "WorkflowKitError",
    "__version__",
    "harvest",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME.get(name, 'errors')}", __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
