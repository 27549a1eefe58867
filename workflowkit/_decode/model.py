"""The base of everything decoded: a frozen attrs class that can look back into its document.

A decoded object holds what is known of it. What else the vendor sent is read from the document's
bytes when somebody asks.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from datetime import datetime
from enum import Enum
from typing import Any, ClassVar

import attrs

from ..errors import DecodeError
from .document import JSON, Document


class Model:
    """Base of everything decoded: a frozen attrs class that remembers where it came from.

    Attributes:
        wire_names: the vendor's names of the fields that are called otherwise here.
    """

    __slots__ = ("_origin",)
    __attrs_attrs__: ClassVar[Any]
    wire_names: ClassVar[Mapping[str, str]] = {}

    @classmethod
    def prepare(cls, body: bytes) -> bytes:
        """Return a response's body as decoding expects it: overridden for a vendor who writes otherwise."""
        return body

    def to_dict(self) -> dict[str, JSON]:
        """Return the known fields as values that JSON has: times and enumerations are plain, and tuples are lists.

        A time is ``2024-01-09T03:16:35.447Z`` in UTC, and has its offset otherwise.
        """
        return {field.name: _to_json(getattr(self, field.name)) for field in attrs.fields(type(self))}

    @property
    def request_id(self) -> str | None:
        """The vendor's id of the response this came in, to quote to its support, or None if it sent none."""
        document, _ = locate(self)
        return document.request_id if document else None

    @property
    def extra(self) -> dict[str, JSON]:
        """The fields the vendor sent that this version doesn't know. It is empty for a model made by hand.

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


def _to_json(value: Any) -> Any:
    match value:
        case Model():
            return value.to_dict()
        case tuple():
            return [_to_json(each) for each in value]
        case datetime():
            return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        case Enum():
            return value.value
    return value


_set_origin: Callable[[Model, Any], None] = Model.__dict__["_origin"].__set__


def _rebuild(cls: type[Model], fields: dict[str, Any], origin: tuple[Any, ...] | None) -> Model:
    model = cls(**fields)
    if origin is not None:
        _set_origin(model, origin)
    return model


def locate(model: Model) -> tuple[Document | None, tuple[str | int, ...]]:
    """Return the document a model was decoded from and its path there. (None, ()) if there is none."""
    origin: Any = getattr(model, "_origin", None)
    steps: list[str | int] = []
    while isinstance(origin, tuple):  # nested pairs of (parent's origin, step)
        origin, step = origin
        steps.append(step)
    return origin, tuple(reversed(steps))


def bind(model: Model, origin: Any) -> None:
    """Tell a decoded model, and all models in it, where they came from. An empty object becomes None."""
    cls: Any = type(model)
    _binder(cls)(model, origin)


_BIND = """
def binder(model, origin):
    set_origin(model, origin)
"""
_BIND_FIELD = """
    child = model.{name}
    if child:
        if type(child) is tuple:
            here = (origin, "{name}")
            for index, element in enumerate(child):
                bind_{name}(element, (here, index))
        else:
            bind_{name}(child, (origin, "{name}"))
"""
_DROP_FIELD = """\
            if not child.{first} and is_empty(child):
                set_{name}(model, None)
"""


@functools.cache
def _binder(cls: Any) -> Callable[[Model, Any], None]:
    """Return what binds models of the class: written out, since a loop over its fields takes longer."""
    names: dict[str, Any] = {"set_origin": _set_origin, "is_empty": _is_empty}
    steps = ""
    for field in attrs.fields(attrs.resolve_types(cls)):
        inner = set(models_in(field.type))
        if not inner:
            continue
        one: Any = inner.pop() if len(inner) == 1 else None
        names[f"bind_{field.name}"] = bind if one is None else _binder(one)
        steps += _BIND_FIELD.format(name=field.name)
        if one is not None and field.default is None and _is_optional(one):
            names[f"set_{field.name}"] = getattr(cls, field.name).__set__
            steps += _DROP_FIELD.format(name=field.name, first=attrs.fields(one)[0].name)
    if not steps:
        return _set_origin
    exec(_BIND + steps, names)  # noqa: S102  # the names are our own fields'
    binder: Callable[[Model, Any], None] = names["binder"]
    return binder


def _is_optional(cls: type[Model]) -> bool:
    return all(field.default is not attrs.NOTHING for field in attrs.fields(cls))


def _is_empty(model: Model) -> bool:
    """Return whether the vendor sent an empty object: Jodoo writes ``{}`` for nothing."""
    if model != type(model)():
        return False
    try:
        return not model._received()  # noqa: SLF001  # it is a model of ours
    except DecodeError:  # of another field, which nobody may ever look at
        return False


def models_in(annotation: Any) -> list[type[Model]]:
    """Return the model classes an annotation names, at any depth."""
    if isinstance(annotation, type) and issubclass(annotation, Model):
        return [annotation]
    return [model for argument in getattr(annotation, "__args__", ()) for model in models_in(argument)]
