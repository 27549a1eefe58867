"""One attempt over HTTP: the only package that imports an HTTP library.

Swapping the library must stay a change of this package. So nothing of it leaves: not its types, and
not its exceptions, whose texts carry full URLs and whose objects carry request headers.
"""

from __future__ import annotations

import ssl
from importlib.util import find_spec

from ..errors import ConfigError
from .over_httpx import HttpxTransport as HttpxTransport
from .proxies import is_loopback as is_loopback
from .transport import Transport as Transport

KINDS = ("auto", "httpx", "aiohttp")


def make_transport(kind: str, base_url: str, ssl_context: ssl.SSLContext | None = None) -> Transport:
    """Return a transport of this kind. ``"auto"`` is aiohttp where that is installed, else httpx."""
    if kind not in KINDS:
        raise ConfigError(f"transport={kind!r}: pass 'auto', 'httpx' or 'aiohttp'")
    if (best() if kind == "auto" else kind) == "httpx":
        return HttpxTransport(base_url, ssl_context)
    try:
        from .over_aiohttp import AiohttpTransport  # noqa: PLC0415  # it may not be there
    except ImportError:
        raise ConfigError("transport='aiohttp' needs an extra: pip install 'workflowkit[speedups]'") from None
    return AiohttpTransport(base_url, ssl_context)


def best() -> str:
    """Return the fastest kind that is installed."""
    return "httpx" if find_spec("aiohttp") is None else "aiohttp"
