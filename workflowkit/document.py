"""An answer's own bytes: kept, so that what nobody asks for costs nothing."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import msgspec

JSON: TypeAlias = "dict[str, JSON] | list[JSON] | str | int | float | bool | None"

_BOM = b"\xef\xbb\xbf"
_ESCAPE = re.compile(rb"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|u[dD][89a-fA-F]..|.)", re.DOTALL)
_CONSTANT = re.compile(rb'"(?:[^"\\]|\\.)*"|-?(?:NaN|Infinity)', re.DOTALL)
_LONE_SURROGATE = 6


class Document:
    """The body of one answer."""

    __slots__ = ("_raws", "body")

    def __init__(self, body: bytes) -> None:
        self.body: bytes = body
        self._raws: dict[str, tuple[bytes, ...]] = {}

    def raws(self, name: str) -> tuple[bytes, ...]:
        """Return each element of the array of that name as the vendor wrote it."""
        if name not in self._raws:
            self._raws[name] = _split(self.body, name)
        return self._raws[name]

    def value(self, path: Sequence[str | int]) -> Any:
        """Return what stands at the path, parsed; only one element is, where the path starts in an array."""
        if len(path) > 1 and isinstance(path[0], str) and isinstance(path[1], int):
            value, path = parse(self.raws(path[0])[path[1]]), path[2:]
        else:
            value = parse(self.body)
        for step in path:
            value = value[step]
        return value


def parse(body: bytes) -> Any:
    """Parse JSON as leniently as the standard library does; raises ValueError where it isn't JSON."""
    try:
        return json.loads(body.removeprefix(_BOM))
    except RecursionError:
        raise ValueError("nested too deeply to be read") from None


def mend(body: bytes) -> bytes:
    """Return the body without what strict parsers refuse, every byte else in its place.

    A lone surrogate (half an emoji, cut off by some length limit) becomes U+FFFD, NaN and Infinity
    a zero with a fraction (which no integer field takes either), a byte order mark three blanks.
    """
    if body.startswith(_BOM):
        body = b"   " + body[3:]
    body = _ESCAPE.sub(_mend_escape, body)
    return _CONSTANT.sub(_mend_constant, body)


def _mend_escape(match: re.Match[bytes]) -> bytes:
    return rb"\ufffd" if len(match[0]) == _LONE_SURROGATE else match[0]


def _mend_constant(match: re.Match[bytes]) -> bytes:
    text = match[0]
    return text if text.startswith(b'"') else b"0." + b"0" * (len(text) - 2)


@functools.cache
def _splitter(name: str) -> Callable[[bytes], Any]:
    envelope: Any = msgspec.defstruct("Envelope", [(name, list[msgspec.Raw])])
    return msgspec.json.Decoder(envelope).decode


def _split(body: bytes, name: str) -> tuple[bytes, ...]:
    split = _splitter(name)
    try:
        return tuple(bytes(raw) for raw in getattr(split(body), name))
    except msgspec.DecodeError:
        mended = mend(body)
    originals: list[bytes] = []
    end = 0
    for piece in getattr(split(mended), name):  # every byte is in its place: cut the original there
        start = mended.index(bytes(piece), end)
        end = start + len(bytes(piece))
        originals.append(body[start:end])
    return tuple(originals)
