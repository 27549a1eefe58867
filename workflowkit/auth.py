"""Who is asking: an object that adds credentials to a request and never shows them."""

from __future__ import annotations

import re
from typing import NoReturn, Protocol

from .errors import ConfigError
from .exchange import Request
from .redact import Secret

_VISIBLE = re.compile(r"[\x21-\x7e]+")


class Auth(Protocol):
    """Adds credentials to one attempt. Asked anew for each, inside the limiter."""

    async def authorize(self, request: Request) -> None:
        """Add the credentials to the request's headers."""

    def redact(self, text: str) -> str:
        """Return the text with every secret this object knows replaced."""


class BearerKey:
    """An API key sent as ``Authorization: Bearer ...``; it refuses to be pickled or printed."""

    __slots__ = ("_key",)

    def __init__(self, key: Secret) -> None:
        if not key:
            raise ConfigError("the API key is empty: pass the key from the vendor's console")
        if not _VISIBLE.fullmatch(key):
            raise ConfigError(
                f"the API key ({len(key)} characters) contains a blank, a line break or a non-ASCII character: "
                "copy it again, without quotes or the word Bearer"
            )
        self._key = key

    async def authorize(self, request: Request) -> None:
        """Set the Authorization header."""
        request.headers["Authorization"] = f"Bearer {self._key}"

    def redact(self, text: str) -> str:
        """Replace the key wherever it stands in the text."""
        return text.replace(self._key, "[redacted]")

    def __repr__(self) -> str:
        return "BearerKey([redacted])"

    def __reduce__(self) -> NoReturn:
        raise TypeError("credentials can't be pickled: create them where they are used")
