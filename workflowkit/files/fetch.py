"""One download over HTTP, from a host that is trusted with nothing and not believed.

It is sent no credential and no cookie, and can't send us elsewhere: each address, those of redirects
included, must be of a host that was allowed beforehand. Bodies come as they are stored there. One
that is compressed anyway isn't taken, since it could be of any size.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from urllib.parse import urljoin, urlsplit

import attrs

from .._http import HttpxTransport, is_loopback
from .._http.message import Stream
from ..errors import ConfigError, TransportError

_REDIRECTS = 3
_DEAD = frozenset({401, 403, 404, 410})
_PASSING = frozenset({408, 425, 429})
_MOVED = frozenset({301, 302, 303, 307, 308})
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")
_ALLOW = "--file-host allows one, `workflowkit attachments ARCHIVE --retry` then tries again"
_STRONG = re.compile(r'"[\x21\x23-\x7e]+"')


class DeadLink(Exception):
    """The host refuses this link: it has expired, or there is nothing behind it."""


class Unsafe(Exception):
    """What the link leads to, or what came, isn't taken."""


class WrongPart(Exception):
    """The host doesn't send the part that was requested: ask for the whole."""


@attrs.frozen
class FileResponse:
    """A file on its way.

    Attributes:
        offset: the first byte that comes: 0, or the one that was requested.
        size: bytes of the whole file, as the host announces it.
        etag: what tells this content from any other at the address, None where there is no such thing.
        media_type: as the host says, in lower case, or None where it doesn't.
        pieces: the bytes.
    """

    offset: int
    size: int | None
    etag: str | None
    media_type: str | None
    pieces: AsyncIterator[bytes]


class Fetcher:
    """Fetches files from some hosts, and from no others. Close it with `aclose`.

    Args:
        hosts: exact names, for https on its usual port, or with ``:port`` for another port. What is on
            this machine may be http.
    """

    def __init__(self, hosts: Collection[str]) -> None:
        self._hosts = frozenset(host.lower() for host in hosts)
        self._transports: dict[str, HttpxTransport] = {}

    @asynccontextmanager
    async def get(self, url: str, *, offset: int = 0, etag: str | None = None) -> AsyncIterator[FileResponse]:
        """Request a file, or the rest of it from an offset on if it still has that etag.

        Raises DeadLink, Unsafe, WrongPart if another part came than was requested, or TransportError if
        asking again later may help.
        """
        part = {"Range": f"bytes={offset}-", "If-Range": etag} if offset and etag else {}
        async with AsyncExitStack() as opened:
            yield _judge(await self._follow(url, part, opened), offset if part else 0, etag)

    async def aclose(self) -> None:
        """Close every connection."""
        while self._transports:
            await self._transports.popitem()[1].aclose()

    async def _follow(self, url: str, part: dict[str, str], opened: AsyncExitStack) -> Stream:
        headers = {"Accept": "*/*", "Accept-Encoding": "identity", **part}
        for _ in range(1 + _REDIRECTS):
            origin = self._allowed(url)
            transport = self._transports.setdefault(origin, HttpxTransport(origin))
            try:
                response = await opened.enter_async_context(transport.stream(url, headers))
            except ConfigError:  # which is a ValueError as well
                raise
            except ValueError:
                raise Unsafe("the link isn't a URL") from None
            if response.status not in _MOVED:
                return response
            await opened.aclose()
            try:
                url = urljoin(url, response.headers.get("location", ""))
            except ValueError:
                raise Unsafe("it is redirected to what isn't a URL") from None
        raise Unsafe(f"it is redirected more than {_REDIRECTS} times")

    def _allowed(self, url: str) -> str:
        """Return scheme and host of a URL that may be asked. Raises Unsafe, which says no more of it."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise Unsafe("the link isn't a URL") from None
        host = parts.hostname or ""
        name = f"[{host}]" if ":" in host else host
        name = name if port in (None, 443 if parts.scheme == "https" else 80) else f"{name}:{port}"
        if not (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(url))):
            raise Unsafe(f"it leads to {parts.scheme}://{name}: only https is taken")
        if "@" in parts.netloc or name not in self._hosts:
            raise Unsafe(f"it leads to {name}, which isn't an allowed host; {_ALLOW}")
        return f"{parts.scheme}://{name}"


def _judge(response: Stream, offset: int, wanted: str | None) -> FileResponse:
    """Return the file that a response brings, or raise what is wrong with it."""
    status = response.status
    if status in _DEAD:
        raise DeadLink(f"the host answers HTTP {status}")
    if status in _PASSING or status >= 500:
        raise TransportError(f"the file's host answers HTTP {status}")
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise Unsafe("it comes compressed, which wasn't asked for")
    etag = response.headers.get("etag", "")
    length = response.headers.get("content-length", "")
    size = int(length) if length.isascii() and length.isdigit() else None
    if status == 206 and offset:
        found = _RANGE.fullmatch(response.headers.get("content-range", ""))
        first, last, size = (int(number) for number in found.groups()) if found else (-1, -1, 0)
        if first != offset or last != size - 1 or etag != wanted:
            raise WrongPart
    elif status == 416 and offset:
        raise WrongPart
    elif status != 200:
        raise Unsafe(f"the host answers HTTP {status}")
    else:
        offset = 0
    media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower() or None
    return FileResponse(offset, size, etag if _STRONG.fullmatch(etag) else None, media_type, response.pieces)
