"""What every transport is, and what they share."""

from __future__ import annotations

import asyncio
import copy
import ssl
import zlib
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from typing import Protocol

from ..errors import ConfigError, TransportError, WorkflowKitError
from .message import Request, Response, Timing
from .proxies import Proxy, SignIn, host_of, proxy_for, sign_in_of
from .sockets import room
from .tls import tls_context

LARGEST_BODY = 64 * 1024 * 1024
"""Bytes. A page of 100 logs is some 60 KB. A body beyond this is refused while it streams."""

KEPT = 5.0
"""Seconds after which a connection that is idle is closed."""

Failure = TransportError | ConfigError

_PIECE = 1 << 18
_GZIP = zlib.MAX_WBITS | 16


class Transport(Protocol):
    """Sends one request once."""

    async def send(self, request: Request, *, timeout: float, timing: Timing) -> Response:
        """Return the whole response, or raise TransportError. A redirect is a response.

        The timeout, in seconds, covers everything from connecting to the last byte.
        """

    async def aclose(self) -> None:
        """Close every connection. Requests still in flight fail, later ones raise ConfigError."""


class HttpTransport(ABC):
    """What both transports have in common: one event loop, a proxy that is signed in to once, and errors of our own.

    Nothing of the library's leaves: neither its exceptions nor its frames, whose locals hold credentials.
    """

    failures: tuple[type[Exception], ...]
    """What the library raises."""

    def __init__(self, base_url: str, ssl_context: ssl.SSLContext | None = None) -> None:
        self._base_url = base_url
        self._ssl_context = ssl_context
        self._host = host_of(base_url)
        self._proxy: Proxy | None = None
        self._sign_in: SignIn | None = None  # where the proxy wants a password
        self._loop: asyncio.AbstractEventLoop | None = None
        self._room: asyncio.Semaphore  # of that loop
        self._closed = False

    async def send(self, request: Request, *, timeout: float, timing: Timing) -> Response:
        """See `Transport`."""
        self._check()
        if self._sign_in is None:
            return await self._send(request, timeout, timing)
        async with self._sign_in.attempt():
            self._check()
            response = await self._send(request, timeout, timing)
            self._sign_in.accept()
            return response

    def _check(self) -> None:
        """Raise ConfigError for what can't be used. Find the proxy at the first request."""
        if self._closed:
            raise closed()
        if self._loop is None:
            self._proxy = proxy_for(self._base_url)
            self._loop, self._room = asyncio.get_running_loop(), room()
            if self._proxy is not None and self._proxy.signs_in:
                self._sign_in = sign_in_of(self._proxy)
        elif self._loop is not asyncio.get_running_loop():
            raise ConfigError("a client serves one event loop: create one inside each asyncio.run()")

    async def _send(self, request: Request, timeout: float, timing: Timing) -> Response:
        failure: BaseException
        try:
            async with self._room, asyncio.timeout(timeout):
                response = await self._exchange(request, timing)
            if response.status != 407 or self._proxy is None:
                return response
            failure = self._not_passed_on(self._proxy, response.status)
        except TimeoutError:
            failure = TransportError(f"no complete response within {timeout:g} s")
        except asyncio.CancelledError as cancelled:  # without the frames that it has come through
            failure = cancelled.with_traceback(None)
            failure.__context__ = failure.__cause__ = None
        except WorkflowKitError as error:
            failure = error.with_traceback(None)
        except self.failures as error:
            failure = self._explain(error)
        except RuntimeError as error:
            failure = closed() if self._closed else error
        try:
            raise failure
        finally:
            del failure

    @abstractmethod
    async def _exchange(self, request: Request, timing: Timing) -> Response:
        """Send the request, and return the whole response."""

    @abstractmethod
    def _explain(self, error: Exception) -> Failure:
        """Say what happened in our words: the library's text can hold a whole URL."""

    async def _context(self) -> ssl.SSLContext | None:
        """Return the TLS context, or None where the base URL needs none."""
        if not self._base_url.startswith("https:"):
            return None
        return self._ssl_context or await asyncio.to_thread(tls_context)

    def _not_passed_on(self, proxy: Proxy, status: int | None) -> TransportError:
        """Return the error for a proxy that responds itself. A password that it refuses isn't sent again."""
        if status != 407:
            reason = "" if status is None else f": HTTP {status}"
            return TransportError(f"the proxy {proxy.shown} doesn't connect to {self._host}{reason}")
        refusal = permanent(
            f"the proxy {proxy.shown} refuses user and password (HTTP 407); check them in {proxy.variable}; "
            "not tried again for 15 minutes, since a few wrong passwords lock an account"
        )
        if self._sign_in is not None:
            self._sign_in.refuse(refusal)
        return copy.copy(refusal)

    def _unreachable(self, reason: object) -> TransportError:
        """Return the error for a connection that can't be made: it names the proxy, where there is one."""
        if self._proxy is not None:
            proxy = f"the proxy {self._proxy.shown} for {self._host}"
            return TransportError(f"can't connect to {proxy}: {reason}; check {self._proxy.variable}")
        return TransportError(f"can't connect to {self._host}: {reason}; check the address and the network")


def permanent(message: str) -> TransportError:
    """Return an error that another try can't fix."""
    error = TransportError(message)
    error.permanent = True
    return error


def closed() -> ConfigError:
    """Return the error for a client that is used after it was closed."""
    return ConfigError("this client is closed: create a new one")


async def read(pieces: AsyncIterator[bytes], encoding: str, status: int) -> bytes:
    """Return all of a body, decompressed. Raises TransportError if it is too large, or can't be unpacked.

    Only one encoding is taken, gzip: two of them, one in the other, unpack a few KB to gigabytes.
    For an error status it returns an empty body instead: the status says what to do.
    """
    try:
        return await _read(pieces, encoding)
    except TransportError:
        if status < 400:
            raise
        return b""


async def _read(pieces: AsyncIterator[bytes], encoding: str) -> bytes:
    encoding = encoding.strip().lower()
    if encoding in ("gzip", "x-gzip"):
        pieces = _unpack(pieces)
    elif encoding not in ("", "identity"):
        raise TransportError(f"the response is encoded as {encoding[:50]!r}, which wasn't asked for")
    read_so_far: list[bytes] = []
    size = 0
    async for piece in pieces:
        size += len(piece)
        if size > LARGEST_BODY:
            raise TransportError(f"the response is larger than {LARGEST_BODY >> 20} MB; it was not read further")
        read_so_far.append(piece)
    return b"".join(read_so_far)


async def _unpack(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    unpacker = zlib.decompressobj(_GZIP)
    broken = TransportError("the response isn't the gzip that it says it is")
    is_empty = True
    async for packed in pieces:
        is_empty = is_empty and not packed
        rest = packed
        while rest:
            try:
                yield unpacker.decompress(rest, _PIECE)
            except zlib.error:
                raise broken from None
            rest = unpacker.unconsumed_tail
            if unpacker.eof and unpacker.unused_data:  # several gzips, one after the other, are one text
                rest, unpacker = unpacker.unused_data, zlib.decompressobj(_GZIP)
    yield unpacker.flush()
    if not (unpacker.eof or is_empty):
        raise broken
