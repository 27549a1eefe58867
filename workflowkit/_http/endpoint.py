"""One API operation, declared once as data.

The same row feeds the client, the limiter, the tests and the documentation, so that a path or a
documented rate is in one place only.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from typing import Any, Generic, TypeVar
from urllib.parse import quote

import attrs

from ..redact import Headers
from .message import Request

T = TypeVar("T")

Query = Mapping[str, str | int | bool]
"""What follows the ``?`` of a URL, before it is encoded."""


@attrs.frozen(kw_only=True)
class Endpoint(Generic[T]):
    """One operation of one system.

    Attributes:
        name: unique, as ``system.operation``. It is in errors, telemetry and limits.
        method: the HTTP method.
        path: below the client's base URL, starting with ``/``. It may have ``{placeholders}``.
        returns: the class a successful response decodes to.
        items: the field that holds its rows, empty where it has none. ``a.b`` is the field b of a.
        rate: requests per second as the vendor documents, `None` where it doesn't.
        content_type: as the vendor documents it.
    """

    name: str
    method: str
    path: str
    returns: type[T]
    rate: float | None
    items: str = ""
    content_type: str = "application/json"

    def request(
        self, base_url: str, *, path: Mapping[str, str], query: Query, body: Mapping[str, Any] | None
    ) -> Request:
        """Return one attempt's request, without credentials.

        Query parameters are sorted and encoded in the one way that every signature scheme agrees on.
        """
        url = base_url + self.path.format_map({name: _quote(value) for name, value in path.items()})
        if query:
            url += "?" + "&".join(f"{_quote(name)}={_encode(query[name])}" for name in sorted(query))
        return Request(
            method=self.method,
            url=url,
            headers=Headers({"Content-Type": self.content_type}),
            content=b"" if body is None else json.dumps(body).encode(),
        )


def _encode(value: str | int | bool) -> str:  # noqa: FBT001
    return _quote(str(value).lower() if isinstance(value, bool) else str(value))


@functools.lru_cache(1024)
def _quote(text: str) -> str:
    """Quote everything. Most texts are in each request."""
    return quote(text, safe="")
