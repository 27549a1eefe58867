"""One HTTP request as the services see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Call:
    """What came in, undecoded where a signature is about the very bytes.

    Attributes:
        method: the HTTP method.
        path: percent-encoded, as sent.
        query: without the question mark, as sent.
        headers: names in lower case.
        content: the body.
        base: the sandbox's own address, for links.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    content: bytes
    base: str
