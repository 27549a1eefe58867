"""What every transport is, and what they share: addresses, proxies, the TLS context."""

from __future__ import annotations

import ssl
import threading
from collections.abc import AsyncIterator
from ipaddress import ip_address
from typing import Protocol
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from ..errors import ConfigError, TransportError
from ..exchange import Request, Response, Timing

LARGEST_BODY = 64 * 1024 * 1024
"""Bytes. A page of 100 logs is some 60 KB; a body beyond this is refused while it streams."""

KEPT = 5.0
"""Seconds after which a connection that is idle is closed."""

_tls_lock = threading.Lock()
_tls: list[ssl.SSLContext] = []


class Transport(Protocol):
    """Sends one request once."""

    async def send(self, request: Request, *, timeout: float, timing: Timing) -> Response:
        """Return the whole answer, or raise TransportError; redirects are answers.

        The timeout, in seconds, covers everything from connecting to the last byte.
        """

    async def aclose(self) -> None:
        """Close every connection; requests still under way fail, later ones raise ConfigError."""


def is_loopback(url: str) -> bool:
    """Return whether the URL's host can only be this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def host_of(url: str) -> str:
    """Return host and port, as far as the URL has one."""
    return urlsplit(url).netloc.rpartition("@")[2]


def tls_context() -> ssl.SSLContext:
    """Return the process's one TLS context; reading the trusted certificates takes a while."""
    with _tls_lock:
        if not _tls:
            _tls.append(httpx.create_ssl_context())
        return _tls[0]


def proxy_for(url: str) -> str | None:
    """Return the proxy that the environment names for the URL's host, None for none."""
    proxies = getproxies()
    proxy = proxies.get(urlsplit(url).scheme) or proxies.get("all")
    names = (host_of(url), urlsplit(url).hostname or "")
    if not proxy or is_loopback(url) or any(map(proxy_bypass, names)):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def unusable_proxy() -> ConfigError:
    """Return the error for a proxy that the library can't speak to; its address may hold a password."""
    return ConfigError(
        "HTTPS_PROXY, HTTP_PROXY or ALL_PROXY names a proxy that can't be used: pass an http:// proxy, or unset it"
    )


def closed() -> ConfigError:
    """Return the error for a client that is used after it was closed."""
    return ConfigError("this client is closed: create a new one")


def elsewhere() -> ConfigError:
    """Return the error for a client that is used in another event loop than its own."""
    return ConfigError("a client serves one event loop: create one inside each asyncio.run()")


async def read(pieces: AsyncIterator[bytes]) -> bytes:
    """Return all of a body; raises TransportError once it is too large."""
    read_so_far: list[bytes] = []
    size = 0
    async for piece in pieces:
        size += len(piece)
        if size > LARGEST_BODY:
            raise TransportError(f"the answer is larger than {LARGEST_BODY >> 20} MB; it was not read further")
        read_so_far.append(piece)
    return b"".join(read_so_far)


def too_slow(timeout: float) -> TransportError:
    """Return the error for an answer that didn't come in time."""
    return TransportError(f"no complete answer within {timeout:g} s")
