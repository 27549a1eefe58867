"""The faster transport, where aiohttp is installed."""

from __future__ import annotations

import asyncio
import ssl
import time
from contextvars import ContextVar
from typing import Any

import aiohttp
from aiohttp.connector import Connection
from yarl import URL

from ..errors import TransportError
from ..redact import Headers, Secret
from . import sockets
from .message import Request, Response, Timing
from .proxies import unusable
from .tls import certificate_problem
from .transport import KEPT, Failure, HttpTransport, closed, permanent, read

_LONGEST_LINE = 1 << 16
"""Bytes of one header: tokens have 9,120."""

_NEVER = aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None, sock_read=None)
_OWN = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")
"""Headers that the library would add of its own accord."""

_CUT = (
    aiohttp.ServerConnectionError,
    aiohttp.ClientPayloadError,
    aiohttp.ClientOSError,
    aiohttp.ClientResponseError,
)


class AiohttpTransport(HttpTransport):
    """A session of the library's, without what it adds: cookies, redirects, other spellings of URLs, and retries."""

    failures = (aiohttp.ClientError, ValueError, OSError)

    def __init__(self, base_url: str, ssl_context: ssl.SSLContext | None = None) -> None:
        super().__init__(base_url, ssl_context)
        self._session: aiohttp.ClientSession | None = None
        self._opening = asyncio.Lock()

    async def aclose(self) -> None:
        """See `Transport`."""
        self._closed = True
        if self._session is not None:
            await self._session.close()

    async def _open(self) -> aiohttp.ClientSession:
        """Return the session, made at the first request in the loop that it then belongs to."""
        async with self._opening:
            if self._session is None and not self._closed:
                context = await self._context() or False
                if self._proxy is not None and not self._proxy.url.startswith("http://"):
                    raise unusable(self._proxy)
                connector = _Connector(limit=0, ssl=context, keepalive_timeout=KEPT)
                self._session = _session(connector, None if self._proxy is None else self._proxy.url)
            if self._session is None:
                raise closed()
            return self._session

    async def _exchange(self, request: Request, timing: Timing) -> Response:
        session = self._session or await self._open()
        _timing.set(timing)
        async with session.request(
            request.method,
            URL(request.url, encoded=True),
            headers={"Accept": "*/*", "Accept-Encoding": "gzip", **request.headers},
            data=request.content or None,
            allow_redirects=False,
        ) as response:
            timing.began = time.monotonic()
            encoding = response.headers.get("Content-Encoding", "")
            content = await read(response.content.iter_any(), encoding, response.status)
            headers = Headers({name.lower(): value for name, value in response.headers.items()})
            return Response(status=response.status, headers=headers, content=content)

    def _explain(self, error: Exception) -> Failure:
        if problem := certificate_problem(error):
            return permanent(f"{self._host}: {problem}")
        if isinstance(error, aiohttp.ClientHttpProxyError) and self._proxy is not None:
            return self._not_passed_on(self._proxy, error.status)
        if isinstance(error, aiohttp.ClientConnectorError):
            return self._unreachable(error.os_error.strerror or error.os_error)
        if isinstance(error, _CUT):
            return TransportError(f"{self._host} closed the connection before the response was complete")
        return TransportError(f"the request to {self._host} failed ({type(error).__name__})")


_timing: ContextVar[Timing] = ContextVar("timing")


class _Connector(aiohttp.TCPConnector):
    """Notes when a connection is there: the request leaves then. Its own tracing would tell as well, but do more."""

    async def connect(self, *wanted: Any, **options: Any) -> Connection:
        """Return a connection, as the library's connector does."""
        connection = await super().connect(*wanted, **options)
        _timing.get().left = time.monotonic()
        if connection.protocol is not None:
            sockets.opened(connection.protocol)
            if sockets.is_crowded():
                connection.protocol.force_close()  # once the response is there
        return connection


def _session(connector: aiohttp.TCPConnector, proxy: Secret | None) -> aiohttp.ClientSession:
    session = aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        max_line_size=_LONGEST_LINE,
        max_field_size=_LONGEST_LINE,
        proxy=proxy,
        skip_auto_headers=_OWN,
        timeout=_NEVER,
        auto_decompress=False,
    )
    session._retry_connection = False  # noqa: SLF001  # or a request is sent twice, past the limits
    return session
