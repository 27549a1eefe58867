"""What is sent and what comes back, free of any HTTP library."""

from __future__ import annotations

from collections.abc import Mapping

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
    """When one exchange got how far, on the monotonic clock; a transport fills it in as it goes.

    Attributes:
        left: when the request was written, a connection being there; None: not that the transport knows.
        began: when the answer's head was here; None: it wasn't.
    """

    left: float | None = None
    began: float | None = None
