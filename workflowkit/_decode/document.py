"""A response's own bytes: kept, so that what nobody asks for costs nothing."""

from __future__ import annotations

import codecs
import functools
import json
import re
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from operator import attrgetter
from typing import Any, TypeAlias

import msgspec

from ..errors import DecodeError

JSON: TypeAlias = "dict[str, JSON] | list[JSON] | str | int | float | bool | None"

_BOM = b"\xef\xbb\xbf"
_HEX = rb"[0-9a-fA-F]{2}"
_ESCAPE = re.compile(rb"\\(?:u[dD][89abAB]%b\\u[dD][c-fC-F]%b|u[dD][89a-fA-F]%b|.)" % (_HEX, _HEX, _HEX), re.DOTALL)
_CONSTANT = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|-?(?:NaN|Infinity)', re.DOTALL)
_LONE_SURROGATE = 6
_PATCH = "workflowkit.patch"
_EMPTY_TIME = re.compile(rb'("\w*[tT]ime"\s*:\s*)""')
_EMPTY_OBJECT = re.compile(rb'("\w{1,100}"\s*:\s*)\{\s*\}')  # no text matches: each quote in it has a backslash

building: AbstractContextManager[bool] = threading.Lock()
"""Held while a decoder is built. msgspec stores what it knows of a class before that is complete, and crashes the
process if another thread uses it then."""


def _patch(error: UnicodeError) -> tuple[str, int]:
    """Put one question mark for each byte that isn't UTF-8: all others keep their place."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "?" * (error.end - error.start), error.end


codecs.register_error(_PATCH, _patch)


class Document:
    """The body of one response, and the vendor's id for it."""

    __slots__ = ("_raws", "body", "request_id")

    def __init__(self, body: bytes, request_id: str | None = None) -> None:
        self.body: bytes = body
        self.request_id: str | None = request_id
        self._raws: dict[str, tuple[bytes, ...]] = {}

    def raws(self, name: str) -> tuple[bytes, ...]:
        """Return each element of the array of that name as the vendor wrote it. ``a.b`` is b in the object a.

        Where there is no such array, there are no elements.
        """
        if name not in self._raws:
            self._raws[name] = _split(self.body, name)
        return self._raws[name]

    def value(self, path: Sequence[str | int]) -> Any:
        """Return what is at the path, parsed. Only one element is, where the path starts in an array.

        Raises DecodeError for what no parser reads: a field nobody has looked at so far may be so.
        """
        try:
            if len(path) > 1 and isinstance(path[0], str) and isinstance(path[1], int):
                value, path = parse(self.raws(path[0])[path[1]]), path[2:]
            else:
                value = parse(self.body)
        except ValueError as error:
            raise DecodeError((f"{error} @ $",)) from None
        for step in path:
            value = value[step]
        return value


def parse(body: bytes) -> Any:
    """Parse JSON as leniently as the standard library does, bytes that aren't UTF-8 as question marks.

    Raises ValueError where it isn't JSON, DecodeError where it is, but beyond any parser.
    """
    text = body.removeprefix(_BOM).decode("utf-8", _PATCH)
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        raise
    except (RecursionError, ValueError) as error:  # the latter of an integer with thousands of digits
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise DecodeError((f"{reason} @ $",)) from None


def repair(body: bytes) -> bytes:
    """Return the body without what strict parsers refuse, every byte else in its place.

    A lone surrogate becomes U+FFFD: it is half an emoji, cut off by some length limit. A byte that isn't UTF-8
    becomes a question mark. NaN and Infinity become a zero with a fraction, which no integer field takes. A
    byte order mark becomes three blanks.
    """
    if body.startswith(_BOM):
        body = b"   " + body[3:]
    body = _ESCAPE.sub(_repair_escape, body.decode("utf-8", _PATCH).encode())
    return _CONSTANT.sub(_repair_constant, body)


def _repair_escape(match: re.Match[bytes]) -> bytes:
    return rb"\ufffd" if len(match[0]) == _LONE_SURROGATE else match[0]


def _repair_constant(match: re.Match[bytes]) -> bytes:
    text = match[0]
    return text if text.startswith(b'"') else b"0." + b"0" * (len(text) - 2)


def drop_empty(body: bytes) -> bytes:
    """Return the body with ``null`` for each field that holds an empty object, and each time that is an empty text."""
    return _EMPTY_TIME.sub(rb"\1null", _EMPTY_OBJECT.sub(rb"\1null", body))


@functools.cache
def _finder(name: str) -> Callable[[bytes], list[bytes]]:
    envelope: Any = list[msgspec.Raw] | None
    for part in reversed(name.split(".")):
        envelope = msgspec.defstruct("Envelope", [(part, envelope | None, None)])
    with building:
        decode = msgspec.json.Decoder(envelope).decode
    array = attrgetter(name)

    def find(body: bytes) -> list[bytes]:
        try:
            return [bytes(raw) for raw in array(decode(body)) or ()]
        except AttributeError:  # what should hold the array is null, or isn't there
            return []

    return find


def _split(body: bytes, name: str) -> tuple[bytes, ...]:
    find = _finder(name)
    try:
        return tuple(find(body))
    except msgspec.DecodeError:
        repaired = repair(body)
    pieces = find(repaired)
    originals: list[bytes] = []
    end = 0
    for part in name.split(".") if pieces else ():
        end = repaired.index(b'"%b"' % part.encode(), end)
    for piece in pieces:  # every byte is in its place: cut the original there
        start = repaired.index(piece, end)
        end = start + len(piece)
        originals.append(body[start:end])
    return tuple(originals)
