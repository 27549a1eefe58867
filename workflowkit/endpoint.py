"""One API operation, declared once as data.

The same row feeds the client, the limiter, the tests and the documentation, so that a path or a
documented rate stands in one place only.
"""

from __future__ import annotations

from typing import Generic, TypeVar

import attrs

T = TypeVar("T")


@attrs.frozen(kw_only=True)
class Endpoint(Generic[T]):
    """One operation of one system.

    Attributes:
        name: unique, as ``system.operation``; it is in errors, telemetry and limits.
        method: the HTTP method.
        path: below the client's base URL, starting with ``/``.
        returns: the class a successful answer decodes to.
        rate: requests per second as the vendor documents, `None` where it doesn't.
    """

    name: str
    method: str
    path: str
    returns: type[T]
    rate: float | None
