"""Keep secrets out of whatever people read: reprs, logs, exception texts, tracebacks with locals."""

from __future__ import annotations

import re

_CONTROLS = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
"""What controls a terminal, or the direction of a text, and isn't escaped in JSON by itself."""

_LONGEST = 1000
"""Characters of a message that are shown."""

_SECRET = frozenset(
    {
        "authorization",
        "proxy-authorization",
        "x-auth-token",
        "x-security-token",
        "x-subject-token",
        "cookie",
        "set-cookie",
        "location",  # where it leads can be a signed link
    }
)


def redact_url(url: str) -> str:
    """Return the URL without user, query and fragment: a signed link's query is its key."""
    bare = url.partition("#")[0].partition("?")[0]
    scheme, separator, rest = bare.partition("://")
    if not separator:
        return bare
    authority, slash, path = rest.partition("/")
    return f"{scheme}://{authority.rpartition('@')[2]}{slash}{path}"


_SIGNED_LINK = re.compile(
    r"(https?://[^\s\"'<>?]+)\?[^\s\"'<>]*(?:token|signature|sign|sig)=[^\s\"'<>]*", re.IGNORECASE
)


def unsigned(text: str) -> str:
    """Return a text in which signed links have no query."""
    return _SIGNED_LINK.sub(r"\1", text) if "?" in text else text


def escape(text: str) -> str:
    """Return JSON text in which every character that isn't printable is escaped."""
    return _CONTROLS.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def cut(text: str, most: int = _LONGEST) -> str:
    """Return a text of a length that is fit for people, whatever a service sends."""
    return text if len(text) <= most else f"{text[:most]}... ({len(text):,} characters)"


class Secret(str):
    """A string that a traceback with locals, or any other repr, doesn't show."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "[redacted]"


class Environment(dict[str, str]):
    """Environment variables. A repr shows their names, for they may hold secrets."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(self)})"


class Headers(dict[str, str]):
    """Headers whose repr hides the values of those that carry credentials."""

    def __repr__(self) -> str:
        return repr({name: "[redacted]" if name.lower() in _SECRET else value for name, value in self.items()})

    __str__ = __repr__
