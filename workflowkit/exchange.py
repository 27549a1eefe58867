"""What is sent and what comes back, free of any HTTP library."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

import attrs

from .redact import Headers, redact_url


@attrs.frozen(kw_only=True)
class Request:
    """One HTTP request, whole. Its repr shows neither credentials nor a query."""

    method: str
    url: str = attrs.field(repr=redact_url)
    headers: Headers
    content: bytes = attrs.field(repr=lambda content: f"<{len(content)} bytes>")


@attrs.frozen(kw_only=True)
class Response:
    """One HTTP response, read to its end.

    Attributes:
        status: the HTTP status.
        headers: names in lower case.
        content: the body, decompressed.
    """

    status: int
    headers: Mapping[str, str]
    content: bytes = attrs.field(repr=lambda content: f"<{len(content)} bytes>")


@attrs.define
class Timing:
    """The times of one request, on the monotonic clock. The transport sets them.

    Attributes:
        left: when the request was written to an open connection, or None if that is not known.
        began: when the head of the response had arrived, or None if it has not.
    """

    left: float | None = None
    began: float | None = None


@attrs.frozen
class Stream:
    """A response whose body is still on its way.

    Attributes:
        headers: names are in lower case.
        pieces: the body as it comes. They raise TransportError if it breaks off.
    """

    status: int
    headers: Mapping[str, str]
    pieces: AsyncIterator[bytes]
