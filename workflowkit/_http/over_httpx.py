"""The transport that is always there: httpx."""

from __future__ import annotations

import functools
import logging
import re
import ssl
import time
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, nullcontext, suppress
from typing import Any

import httpx

from ..errors import ConfigError, TransportError
from ..redact import Headers
from . import sockets
from .message import Request, Response, Stream, Timing
from .proxies import unusable
from .tls import certificate_problem
from .transport import KEPT, Failure, HttpTransport, closed, permanent, read

_SECRET = re.compile(r"(?i)b'(x-subject-token|location)'")
"""Headers of a response that hold a token, or a signed link."""


def _hide_secrets(record: logging.LogRecord) -> bool:
    """Keep secrets out of the debug log that the HTTP library writes of every response's headers."""
    if isinstance(record.msg, str) and _SECRET.search(record.msg):
        record.msg = record.msg.partition("return_value=")[0] + "[redacted]"
    return True


logging.getLogger("httpcore.http11").addFilter(_hide_secrets)


_parsed = functools.lru_cache(64)(httpx.URL)
"""An address as the library wants it: most requests go to the same few."""

_TIMEOUTS = {"connect": 15.0, "read": 30.0, "write": 15.0, "pool": None}
"""Seconds, for a body that is streamed. `read` is for each piece."""

_CUT = (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError, httpx.CloseError)
_STATUS = re.compile(r"(\d{3})\b")


class HttpxTransport(HttpTransport):
    """A pool of the library's for each connection, made when there is need for it.

    A pool looks at each of its connections for each request, and asks the system about each that is
    idle. One of one has nothing to look for. What the library's client adds (cookies, redirects,
    a sign-in of its own) is wanted nowhere here.
    """

    failures = (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError)  # TLS breaks with an OSError

    def __init__(self, base_url: str, ssl_context: ssl.SSLContext | None = None) -> None:
        super().__init__(base_url, ssl_context)
        self._pools: set[httpx.AsyncHTTPTransport] = set()
        self._idle: deque[tuple[httpx.AsyncHTTPTransport, float]] = deque()  # and since when, the latest last

    async def aclose(self) -> None:
        """See `Transport`."""
        self._closed = True
        while self._pools:
            await self._drop(self._pools.pop())

    @asynccontextmanager
    async def stream(self, url: str, headers: Mapping[str, str]) -> AsyncIterator[Stream]:
        """Send a GET without credentials, and give its response while the body is still on its way.

        Raises ValueError if the URL is none, and TransportError if no response comes.
        """
        self._check()
        try:
            message = httpx.Request("GET", url, headers=dict(headers), extensions={"timeout": _TIMEOUTS})
        except httpx.InvalidURL:
            raise ValueError("not a URL") from None
        async with self._room:
            pool, _ = await self._take()
            try:
                response = await self._head(pool, message)
                try:
                    yield Stream(response.status_code, Headers(response.headers), self._pieces(response))
                finally:
                    await response.aclose()
            finally:
                await self._release(pool)

    async def _pieces(self, response: httpx.Response) -> AsyncIterator[bytes]:
        try:
            async for piece in response.aiter_raw():
                yield piece
        except self.failures as error:
            raise self._explain(error) from None

    async def _head(self, pool: httpx.AsyncHTTPTransport, message: httpx.Request) -> httpx.Response:
        """Return the response as soon as it has begun, or raise an error of our own."""
        async with self._sign_in.attempt() if self._sign_in is not None else nullcontext():
            try:
                response = await pool.handle_async_request(message)
            except self.failures as error:
                raise self._explain(error) from None
            if response.status_code == 407 and self._proxy is not None:
                await response.aclose()
                raise self._not_passed_on(self._proxy, response.status_code)
            if self._sign_in is not None:
                self._sign_in.accept()
            return response

    async def _exchange(self, request: Request, timing: Timing) -> Response:
        pool, connects = await self._take()
        connected: list[Any] = []

        async def trace(event: str, info: dict[str, Any]) -> None:
            if event == "http11.send_request_headers.started":  # the last of them: a proxy is sent some first
                timing.left = time.monotonic()
            elif event.endswith("connect_tcp.complete"):
                connected.append(info["return_value"])

        timing.left = None if connects else time.monotonic()
        message = httpx.Request(
            request.method,
            _parsed(request.url),
            headers={"Accept": "*/*", "Accept-Encoding": "gzip", **request.headers},
            content=request.content,
            extensions={"trace": trace} if connects else {},
        )
        try:
            response = await pool.handle_async_request(message)
            timing.began = time.monotonic()
            try:
                encoding = response.headers.get("content-encoding", "")
                content = await read(response.aiter_raw(), encoding, response.status_code)
            finally:
                await response.aclose()
        except BaseException:
            for stream in connected:  # the library leaves one open that was cancelled while it was made safe
                with suppress(Exception):
                    await stream.aclose()
            raise
        finally:
            await self._release(pool)
        return Response(status=response.status_code, headers=Headers(response.headers), content=content)

    async def _take(self) -> tuple[httpx.AsyncHTTPTransport, bool]:
        """Return the pool that was used last, or a new one, and whether it has to connect. Close what idles."""
        expired = time.monotonic() - KEPT
        while len(self._idle) > 1 and self._idle[0][1] < expired:
            pool, _ = self._idle.popleft()
            await self._drop(pool)
        if self._idle:
            pool, since = self._idle.pop()
            return pool, since < expired or not pool._pool.connections  # noqa: SLF001  # or the server has closed it
        pool = await self._make_pool()
        if self._closed:  # meanwhile
            raise closed()
        self._pools.add(pool)
        sockets.opened(pool)
        return pool, True

    async def _release(self, pool: httpx.AsyncHTTPTransport) -> None:
        """Keep the pool for another request, unless it holds what could be taken for the next response."""
        if self._closed or sockets.is_crowded() or _has_leftovers(pool):
            await self._drop(pool)
        else:
            self._idle.append((pool, time.monotonic()))

    async def _drop(self, pool: httpx.AsyncHTTPTransport) -> None:
        self._pools.discard(pool)
        sockets.closed(pool)
        await pool.aclose()

    async def _make_pool(self) -> httpx.AsyncHTTPTransport:
        context = await self._context() or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        proxy = self._proxy
        if proxy is not None and self._host.startswith("["):
            raise ConfigError(
                f"{self._host}: httpx can't reach an IPv6 address through a proxy; name the host, or add it to "
                "NO_PROXY, or pip install 'workflowkit[speedups]'"
            )
        limits = httpx.Limits(keepalive_expiry=KEPT)
        try:
            return httpx.AsyncHTTPTransport(verify=context, limits=limits, proxy=None if proxy is None else proxy.url)
        except (ImportError, ValueError, httpx.InvalidURL):
            pass
        raise unusable(proxy) if proxy is not None else closed()

    def _explain(self, error: Exception) -> Failure:
        if problem := certificate_problem(error):
            return permanent(f"{self._host}: {problem}")
        if isinstance(error, httpx.ProxyError) and self._proxy is not None:
            status = _STATUS.match(str(error))
            return self._not_passed_on(self._proxy, int(status[1]) if status else None)
        if isinstance(error, httpx.ConnectError):
            return self._unreachable(error)
        if isinstance(error, _CUT):
            return TransportError(f"{self._host} closed the connection before the response was complete")
        return TransportError(f"the request to {self._host} failed ({type(error).__name__})")


def _has_leftovers(pool: httpx.AsyncHTTPTransport) -> bool:
    """Return whether bytes have come after a response: the library takes them for the next one.

    It offers no way to ask for them. A connection that can't be asked any more isn't kept.
    """
    for each in pool._pool.connections:  # noqa: SLF001
        connection = each
        while hasattr(connection, "_connection"):
            connection = connection._connection  # noqa: SLF001
        if connection is None or each.is_closed():
            continue
        state = getattr(connection, "_h11_state", None)
        if state is None or state.trailing_data[0]:
            return True
    return False
