"""The transport that is always there: httpx."""

from __future__ import annotations

import asyncio
import logging
import re
import ssl
import time
from collections import deque

import httpx

from ..errors import TransportError
from ..exchange import Request, Response, Timing
from ..redact import Headers
from . import base
from .base import KEPT, closed, elsewhere, host_of, proxy_for, tls_context, too_large, too_slow, unusable_proxy

_TOKEN = re.compile(r"(?i)((?:x-subject-token|location)', b')[^']*")
"""A token, and where a signed link leads, among the headers of an answer."""


def _hide_tokens(record: logging.LogRecord) -> bool:
    """Keep tokens out of the debug log that the HTTP library writes of every response's headers."""
    if isinstance(record.msg, str) and ("x-subject-token" in record.msg.lower() or "location" in record.msg.lower()):
        record.msg = _TOKEN.sub(r"\1[redacted]", record.msg)
    return True


logging.getLogger("httpcore.http11").addFilter(_hide_tokens)


class HttpxTransport:
    """A pool of the library's for each connection, made when there is need for it.

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
        """See `Transport`."""
        pool = await self._take()
        try:
            async with asyncio.timeout(timeout):
                return await self._exchange(pool, request, timing)
        except TimeoutError:
            raise too_slow(timeout) from None
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            raise TransportError(explain(error, self._base_url)) from None
        except RuntimeError:
            if not self._closed:
                raise
            raise closed() from None
        finally:
            self._idle.append((pool, time.monotonic()))

    async def aclose(self) -> None:
        """See `Transport`."""
        self._closed = True
        while self._pools:
            await self._pools.pop().aclose()

    async def _take(self) -> httpx.AsyncHTTPTransport:
        """Return the pool that was used last, or a new one; close those that nobody has needed for a while."""
        self._loop = self._loop or asyncio.get_running_loop()
        while len(self._idle) > 1 and self._idle[0][1] < time.monotonic() - KEPT:
            pool, _ = self._idle.popleft()
            self._pools.discard(pool)
            await pool.aclose()
        pool = self._idle.pop()[0] if self._idle else await self._make()
        if self._closed:
            raise closed()
        if self._loop is not asyncio.get_running_loop():
            raise elsewhere()
        return pool

    async def _make(self) -> httpx.AsyncHTTPTransport:
        secure = self._base_url.startswith("https:")
        context = await asyncio.to_thread(tls_context) if secure else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        try:
            return httpx.AsyncHTTPTransport(
                verify=context, limits=httpx.Limits(keepalive_expiry=KEPT), proxy=proxy_for(self._base_url)
            )
        except (ImportError, ValueError):
            raise unusable_proxy() from None

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
                if size > base.LARGEST_BODY:
                    raise too_large()
                chunks.append(chunk)
        finally:
            await answer.aclose()
        return Response(status=answer.status_code, headers=Headers(answer.headers), content=b"".join(chunks))


def explain(error: Exception, base_url: str) -> str:
    """Say what happened in our words: the library's text can hold a whole URL."""
    host = host_of(base_url)
    if isinstance(error, httpx.ConnectError):
        return f"can't connect to {host}: {error}; check the address and the network"
    if isinstance(error, httpx.ProxyError):
        return f"the proxy for {host} refused the connection"
    if isinstance(error, (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError, httpx.CloseError)):
        return f"{host} closed the connection before the answer was complete"
    return f"the exchange with {host} failed ({type(error).__name__})"
