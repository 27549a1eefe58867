"""Who is asking: an object that adds credentials to a request and never shows them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import NoReturn

from ._http.message import Request, Response
from .errors import AuthenticationError, ConfigError
from .redact import Secret

_SHORT, _LONG = 8, 16
"""Characters. The vendors' own keys and passwords are no shorter, and of several kinds of characters."""

_VISIBLE = re.compile(r"[\x21-\x7e]+")


def check_secret(name: str, value: str, remedy: str) -> None:
    """Raise ConfigError unless the value can be in a header. It is not shown."""
    if not value:
        raise ConfigError(f"{name} is empty: {remedy}")
    if not _VISIBLE.fullmatch(value):
        raise ConfigError(
            f"{name} ({len(value)} characters) contains a blank, a line break or a non-ASCII character: {remedy}"
        )


def _is_unlike_a_word(secret: str) -> bool:
    """Return whether a text that has it must have it from us. "wrong" and "password" are in messages anyway."""
    return len(secret) >= _LONG or (len(secret) >= _SHORT and not secret.isalpha())


class Hidden:
    """Base of whatever holds secrets: it shows nothing and stays in its process."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"{type(self).__name__}([redacted])"

    def __reduce__(self) -> NoReturn:
        raise TypeError("credentials can't be pickled: create them where they are used")


class Auth(Hidden):
    """Credentials at work for one client. The base has none: subclasses add what they need.

    `prepare` is called before an attempt waits for its limits, `authorize` when it is about to be sent.
    """

    @property
    def is_ready(self) -> bool:
        """Whether `authorize` has what it needs. If not, `prepare` is to be called again."""
        return True

    def trial(self) -> AbstractAsyncContextManager[object]:
        """Return what is entered for each attempt.

        Where wrong credentials would lock an account, it lets one at a time through until they were accepted.
        """
        return nullcontext()

    async def prepare(self) -> None:
        """Get hold of what `authorize` needs. May send requests of its own."""

    def authorize(self, request: Request) -> None:
        """Add the credentials to the request's headers."""

    def hint_for(self, response: Response) -> str | None:
        """Return what is known of why a request was refused, None if nothing is."""

    def on_refused(self, request: Request, error: AuthenticationError) -> bool:
        """Return whether one more attempt makes sense, because `prepare` will get new credentials."""
        return False

    def redact(self, text: str) -> str:
        """Replace every secret wherever it is in the text."""
        for secret in filter(_is_unlike_a_word, self._secrets()):
            text = text.replace(secret, "[redacted]")
        return text

    async def aclose(self) -> None:
        """Close what `prepare` has opened."""

    def _secrets(self) -> Iterable[str]:
        return ()


class BearerKey(Auth):
    """An API key sent as ``Authorization: Bearer ...``."""

    __slots__ = ("_key",)

    def __init__(self, key: Secret) -> None:
        check_secret("the API key", key, "copy it again from the vendor's console, without quotes or the word Bearer")
        self._key = key

    def authorize(self, request: Request) -> None:
        """Set the Authorization header."""
        request.headers["Authorization"] = f"Bearer {self._key}"

    def _secrets(self) -> Iterable[str]:
        return (self._key,)
