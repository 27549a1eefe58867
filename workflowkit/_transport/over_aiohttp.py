"""The faster transport, where aiohttp is installed."""

from __future__ import annotations

import asyncio
import time
from contextvars import ContextVar
from typing import Any

import aiohttp
from aiohttp.connector import Connection
from yarl import URL

from ..errors import TransportError
from ..exchange import Request, Response, Timing
from ..redact import Headers
from .base import KEPT, closed, elsewhere, host_of, proxy_for, read, tls_context, too_slow, unusable_proxy

_LONGEST_LINE = 1 << 16
"""Bytes of one header: tokens have 9,120."""

_NEVER = aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None, sock_read=None)
_OWN = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")
"""Headers that the library would add of its own accord."""


class AiohttpTransport:
    """A session of the library's, without what it adds: cookies, redirects, other spellings of URLs, and retries."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url
        self._session: aiohttp.ClientSession | None = None
        self._opening = asyncio.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False

    async def send(self, request: Request, *, timeout: float, timing: Timing) -> Response:
        """See `Transport`."""
        session = self._session or await self._open()
        if self._closed:
            raise closed()
        if self._loop is not asyncio.get_running_loop():
            raise elsewhere()
        try:
            async with asyncio.timeout(timeout):
                return await self._exchange(session, request, timing)
        except TimeoutError:
            raise too_slow(timeout) from None
        except aiohttp.ClientProxyConnectionError:
            raise TransportError(f"the proxy for {host_of(self._base_url)} refused the connection") from None
        except aiohttp.ClientConnectorError as error:
            reason = getattr(error, "certificate_error", None) or error.os_error.strerror or error.os_error
            host = host_of(self._base_url)
            raise TransportError(f"can't connect to {host}: {reason}; check the address and the network") from None
        except (aiohttp.ClientError, ValueError, OSError) as error:
            raise TransportError(_explain(error, self._base_url)) from None
        except RuntimeError:
            if not self._closed:
                raise
            raise closed() from None

    async def aclose(self) -> None:
        """See `Transport`."""
        self._closed = True
        if self._session is not None:
            await self._session.close()

    async def _open(self) -> aiohttp.ClientSession:
        """Return the session, made at the first request in the loop that it then belongs to."""
        async with self._opening:
            if self._session is None and not self._closed:
                self._loop = asyncio.get_running_loop()
                secure = self._base_url.startswith("https:")
                context = await asyncio.to_thread(tls_context) if secure else False
                proxy = proxy_for(self._base_url)
                if proxy is not None and not proxy.startswith("http://"):
                    raise unusable_proxy()
                self._session = _session(_Connector(limit=0, ssl=context, keepalive_timeout=KEPT), proxy)
            if self._session is None:
                raise closed()
            return self._session

    async def _exchange(self, session: aiohttp.ClientSession, request: Request, timing: Timing) -> Response:
        _timing.set(timing)
        async with session.request(
            request.method,
            URL(request.url, encoded=True),
            headers={"Accept": "*/*", "Accept-Encoding": "gzip, deflate", **request.headers},
            data=request.content or None,
            allow_redirects=False,
        ) as answer:
            timing.began = time.monotonic()
            content = await read(answer.content.iter_any())
            headers = Headers({name.lower(): value for name, value in answer.headers.items()})
            return Response(status=answer.status, headers=headers, content=content)


_timing: ContextVar[Timing] = ContextVar("timing")


class _Connector(aiohttp.TCPConnector):
    """Notes when a connection is there: the request leaves then. Its own tracing would tell as well, but do more."""

    async def connect(self, *wanted: Any, **options: Any) -> Connection:
        """Return a connection, as the library's connector does."""
        connection = await super().connect(*wanted, **options)
        _timing.get().left = time.monotonic()
        return connection


def _session(connector: aiohttp.TCPConnector, proxy: str | None) -> aiohttp.ClientSession:
    session = aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        max_line_size=_LONGEST_LINE,
        max_field_size=_LONGEST_LINE,
        proxy=proxy,
        skip_auto_headers=_OWN,
        timeout=_NEVER,
    )
    session._retry_connection = False  # noqa: SLF001  # or a request is sent twice, past the limits
    return session


def _explain(error: Exception, base_url: str) -> str:
    """Say what happened in our words: the library's text can hold a whole URL."""
    host = host_of(base_url)
    cut_off = (
        aiohttp.ServerConnectionError,
        aiohttp.ClientPayloadError,
        aiohttp.ClientOSError,
        aiohttp.ClientResponseError,
    )
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return f"the proxy for {host} refused the connection"
    if isinstance(error, cut_off):
        return f"{host} closed the connection before the answer was complete"
    return f"the exchange with {host} failed ({type(error).__name__})"
