"""One attempt over HTTP: the only module that imports an HTTP library.

Swapping the library must stay a change of this file. So nothing of it leaves: not its types, and
not its exceptions, whose texts carry full URLs and whose objects carry request headers.
"""

from __future__ import annotations

import asyncio
import logging
import re
import ssl
import threading
import time
from collections import deque
from ipaddress import ip_address
from typing import Protocol
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from .errors import ConfigError, TransportError
from .exchange import Request, Response, Timing
from .redact import Headers

_TOKEN = re.compile(r"(?i)((?:x-subject-token|location)', b')[^']*")
"""A token, and where a signed link leads, among the headers of an answer."""


LARGEST_BODY = 64 * 1024 * 1024
"""Bytes. A page of 100 logs is some 60 KB; a body beyond this is refused while it streams."""

_KEPT = 5.0
"""Seconds after which a connection that is idle is closed."""

_CLOSED = "this client is closed: create a new one"

_tls_lock = threading.Lock()
_tls: list[ssl.SSLContext] = []


def _hide_tokens(record: logging.LogRecord) -> bool:
    """Keep tokens out of the debug log that the HTTP library writes of every response's headers."""
    if isinstance(record.msg, str) and ("x-subject-token" in record.msg.lower() or "location" in record.msg.lower()):
        record.msg = _TOKEN.sub(r"\1[redacted]", record.msg)
    return True


logging.getLogger("httpcore.http11").addFilter(_hide_tokens)


class Transport(Protocol):
    """Sends one request once."""

    async def send(self, request: Request, *, timeout: float, timing: Timing) -> Response:
        """Return the whole answer, or raise TransportError; redirects are answers."""

    async def aclose(self) -> None:
        """Close every connection."""


def is_loopback(url: str) -> bool:
    """Return whether the URL's host can only be this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def tls_context() -> ssl.SSLContext:
    """Return the process's one TLS context; reading the trusted certificates takes a while."""
    with _tls_lock:
        if not _tls:
            _tls.append(httpx.create_ssl_context())
        return _tls[0]


def proxy_for(url: str) -> str | None:
    """Return the proxy that the environment names for the URL's host, None for none."""
    parts, proxies = urlsplit(url), getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if not proxy or is_loopback(url) or proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


class HttpxTransport:
    """The default transport: a pool of the library's for each connection, made when there is need for it.

    A pool looks at each of its connections for each request, and asks the system about each that is
    idle. One of one has nothing to look for. What the library's client adds (cookies, redirects,
    a sign-in of its own) is wanted nowhere here.
    """

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url
        self._pools: set[httpx.AsyncHTTPTransport] = set()
        self._idle: deque[tuple[httpx.AsyncHTTPTransport, float]] = deque()  # and since when, the latest last
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False

    async def send(self, request: Request, *, timeout: float, timing: Timing) -> Response:
        """Send the request; the timeout covers everything from connecting to the last byte."""
        pool = await self._take()
        try:
            async with asyncio.timeout(timeout):
                return await self._exchange(pool, request, timing)
        except TimeoutError:
            raise TransportError(f"no complete answer within {timeout:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            raise TransportError(explain(error, self._base_url)) from None
        except RuntimeError:
            if not self._closed:
                raise
            raise ConfigError(_CLOSED) from None
        finally:
            self._idle.append((pool, time.monotonic()))

    async def aclose(self) -> None:
        """Close every connection; requests still under way fail, later ones raise ConfigError."""
        self._closed = True
        while self._pools:
            await self._pools.pop().aclose()

    async def _take(self) -> httpx.AsyncHTTPTransport:
        """Return the pool that was used last, or a new one; close those that nobody has needed for a while."""
        self._loop = self._loop or asyncio.get_running_loop()
        while len(self._idle) > 1 and self._idle[0][1] < time.monotonic() - _KEPT:
            pool, _ = self._idle.popleft()
            self._pools.discard(pool)
            await pool.aclose()
        pool = self._idle.pop()[0] if self._idle else await self._make()
        if self._closed:
            raise ConfigError(_CLOSED)
        if self._loop is not asyncio.get_running_loop():
            raise ConfigError("a client serves one event loop: create one inside each asyncio.run()")
        return pool

    async def _make(self) -> httpx.AsyncHTTPTransport:
        secure = self._base_url.startswith("https:")
        context = await asyncio.to_thread(tls_context) if secure else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        try:
            return httpx.AsyncHTTPTransport(
                verify=context, limits=httpx.Limits(keepalive_expiry=_KEPT), proxy=proxy_for(self._base_url)
            )
        except (ImportError, ValueError):
            proxies = "HTTPS_PROXY, HTTP_PROXY or ALL_PROXY"
            raise ConfigError(
                f"{proxies} names a proxy that can't be used: pass an http:// proxy, or unset it"
            ) from None

    async def _exchange(self, pool: httpx.AsyncHTTPTransport, request: Request, timing: Timing) -> Response:
        async def trace(event: str, _: object) -> None:
            if event == "http11.send_request_headers.started":  # the last of them: a proxy is sent some first
                timing.left = time.monotonic()

        is_new = pool not in self._pools
        self._pools.add(pool)
        timing.left = None if is_new else time.monotonic()
        message = httpx.Request(
            request.method,
            request.url,
            headers={"Accept": "*/*", "Accept-Encoding": "gzip, deflate", **request.headers},
            content=request.content,
            extensions={"trace": trace} if is_new else {},
        )
        answer = await pool.handle_async_request(message)
        timing.began = time.monotonic()
        try:
            chunks: list[bytes] = []
            size = 0
            async for chunk in answer.aiter_bytes():
                size += len(chunk)
                if size > LARGEST_BODY:
                    raise TransportError(f"the answer is larger than {LARGEST_BODY >> 20} MB; it was not read further")
                chunks.append(chunk)
        finally:
            await answer.aclose()
        return Response(status=answer.status_code, headers=Headers(answer.headers), content=b"".join(chunks))


def explain(error: Exception, base_url: str) -> str:
    """Say what happened in our words: the library's text can hold a whole URL."""
    host = urlsplit(base_url).netloc.rpartition("@")[2]
    if isinstance(error, httpx.ConnectError):
        return f"can't connect to {host}: {error}; check the address and the network"
    if isinstance(error, httpx.ProxyError):
        return f"the proxy for {host} refused the connection"
    if isinstance(error, (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError, httpx.CloseError)):
        return f"{host} closed the connection before the answer was complete"
    return f"the exchange with {host} failed ({type(error).__name__})"
