"""An answer's own bytes, and the models that can look back into them.

A decoded object holds what is known of it. What else the vendor sent is read from the bytes when
somebody asks: until then, an unknown field costs nothing.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, TypeAlias

import attrs
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


class Model:
    """Base of everything decoded: a frozen attrs class that remembers where it came from.

    Attributes:
        wire_names: the vendor's names of the fields that are called otherwise here.
    """

    __slots__ = ("_origin",)
    __attrs_attrs__: ClassVar[Any]
    wire_names: ClassVar[Mapping[str, str]] = {}

    @property
    def extra(self) -> dict[str, JSON]:
        """The fields the vendor sent that this version doesn't know; empty if made by hand.

        They take no part in equality, hash or repr.
        """
        known = {self.wire_names.get(field.name, field.name) for field in attrs.fields(type(self))}
        return {name: value for name, value in self._received().items() if name not in known}

    def _received(self) -> dict[str, Any]:
        document, path = locate(self)
        received = document.value(path) if document else {}
        return received if isinstance(received, dict) else {}

    def __reduce__(self) -> tuple[Any, ...]:
        fields = {field.name: getattr(self, field.name) for field in attrs.fields(type(self))}
        return _rebuild, (type(self), fields, getattr(self, "_origin", None))


_set_origin: Callable[[Model, Any], None] = Model.__dict__["_origin"].__set__


def _rebuild(cls: type[Model], fields: dict[str, Any], origin: tuple[Any, ...] | None) -> Model:
    model = cls(**fields)
    if origin is not None:
        _set_origin(model, origin)
    return model


def locate(model: Model) -> tuple[Document | None, tuple[str | int, ...]]:
    """Return the document a model was decoded from and its path there; (None, ()) if there is none."""
    origin: Any = getattr(model, "_origin", None)
    steps: list[str | int] = []
    while isinstance(origin, tuple):  # nested pairs of (parent's origin, step)
        origin, step = origin
        steps.append(step)
    return origin, tuple(reversed(steps))


def bind(model: Model, origin: Any) -> None:
    """Tell a decoded model, and all models in it, where they came from."""
    _set_origin(model, origin)
    for name, bind_child in _nested(type(model)):
        child = getattr(model, name)
        if type(child) is tuple:
            here = (origin, name)
            for index, element in enumerate(child):
                bind_child(element, (here, index))
        elif child is not None:
            bind_child(child, (origin, name))


@functools.cache
def _nested(cls: Any) -> tuple[tuple[str, Callable[[Model, Any], None]], ...]:
    """Return the fields that hold models, and what binds those: it need not look into a leaf."""
    found: list[tuple[str, Callable[[Model, Any], None]]] = []
    for field in attrs.fields(attrs.resolve_types(cls)):
        if models := models_in(field.type):
            found.append((field.name, bind if any(map(_nested, models)) else _set_origin))
    return tuple(found)


def models_in(annotation: Any) -> list[type[Model]]:
    """Return the model classes an annotation names, at any depth."""
    if isinstance(annotation, type) and issubclass(annotation, Model):
        return [annotation]
    return [model for argument in getattr(annotation, "__args__", ()) for model in models_in(argument)]
