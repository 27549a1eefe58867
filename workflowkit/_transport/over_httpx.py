"""The transport that is always there: httpx."""

from __future__ import annotations

import asyncio
import functools
import logging
import re
import ssl
import time
from collections import deque

import httpx

from ..errors import TransportError
from ..exchange import Request, Response, Timing
from ..redact import Headers
from .base import KEPT, closed, elsewhere, host_of, proxy_for, read, tls_context, too_slow, unusable_proxy

_SECRET = re.compile(r"(?i)b'(x-subject-token|location)'")
"""Headers of an answer that hold a token, or a signed link."""


def _hide_secrets(record: logging.LogRecord) -> bool:
    """Keep secrets out of the debug log that the HTTP library writes of every response's headers."""
    if isinstance(record.msg, str) and _SECRET.search(record.msg):
        record.msg = record.msg.partition("return_value=")[0] + "[redacted]"
    return True


logging.getLogger("httpcore.http11").addFilter(_hide_secrets)


_parsed = functools.lru_cache(64)(httpx.URL)
"""An address as the library wants it: most requests go to the same few."""


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
        pool, connects = await self._take()
        try:
            async with asyncio.timeout(timeout):
                return await self._exchange(pool, request, timing, connects=connects)
        except TimeoutError:
            raise too_slow(timeout) from None
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError) as error:  # TLS breaks with an OSError
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

    async def _take(self) -> tuple[httpx.AsyncHTTPTransport, bool]:
        """Return the pool that was used last, or a new one, and whether it has to connect; close what idles."""
        self._loop = self._loop or asyncio.get_running_loop()
        if self._closed:
            raise closed()
        if self._loop is not asyncio.get_running_loop():
            raise elsewhere()
        expired = time.monotonic() - KEPT
        while len(self._idle) > 1 and self._idle[0][1] < expired:
            pool, _ = self._idle.popleft()
            self._pools.discard(pool)
            await pool.aclose()
        if self._idle:
            pool, since = self._idle.pop()
            return pool, since < expired
        pool = await make_pool(self._base_url)
        if self._closed:  # meanwhile
            raise closed()
        self._pools.add(pool)
        return pool, True

    async def _exchange(
        self, pool: httpx.AsyncHTTPTransport, request: Request, timing: Timing, *, connects: bool
    ) -> Response:
        async def trace(event: str, _: object) -> None:
            if event == "http11.send_request_headers.started":  # the last of them: a proxy is sent some first
                timing.left = time.monotonic()

        timing.left = None if connects else time.monotonic()
        message = httpx.Request(
            request.method,
            _parsed(request.url),
            headers={"Accept": "*/*", "Accept-Encoding": "gzip, deflate", **request.headers},
            content=request.content,
            extensions={"trace": trace} if connects else {},
        )
        answer = await pool.handle_async_request(message)
        timing.began = time.monotonic()
        try:
            content = await read(answer.aiter_bytes())
        finally:
            await answer.aclose()
        return Response(status=answer.status_code, headers=Headers(answer.headers), content=content)


async def make_pool(url: str) -> httpx.AsyncHTTPTransport:
    """Return a pool of connections to the URL's host, by the proxy that the environment names."""
    context = (
        await asyncio.to_thread(tls_context) if url.startswith("https:") else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    )
    try:
        return httpx.AsyncHTTPTransport(
            verify=context, limits=httpx.Limits(keepalive_expiry=KEPT), proxy=proxy_for(url)
        )
    except (ImportError, ValueError):
        raise unusable_proxy() from None


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
