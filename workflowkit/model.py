"""The base of everything decoded: a frozen attrs class that can look back into its document.

A decoded object holds what is known of it. What else the vendor sent is read from the document's
bytes when somebody asks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import attrs

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
        """Return an answer's body as decoding expects it: overridden for a vendor who writes otherwise."""
        return body

    @property
    def request_id(self) -> str | None:
        """The vendor's id of the answer this came in, to quote to its support; None if it sent none."""
        document, _ = locate(self)
        return document.request_id if document else None

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
    for name, bind_child in _plans.get(type(model)) or _nested(type(model)):
        child = getattr(model, name)
        if not child:
            continue
        if type(child) is tuple:
            here = (origin, name)
            for index, element in enumerate(child):
                bind_child(element, (here, index))
        else:
            bind_child(child, (origin, name))


_plans: dict[type[Model], tuple[tuple[str, Callable[[Model, Any], None]], ...]] = {}


def _nested(cls: type[Model]) -> tuple[tuple[str, Callable[[Model, Any], None]], ...]:
    """Return the fields that hold models, and what binds those: it need not look into a leaf."""
    if cls not in _plans:
        inner = {field.name: models_in(field.type) for field in attrs.fields(attrs.resolve_types(cls))}
        _plans[cls] = tuple(
            (name, bind if any(map(_nested, models)) else _set_origin) for name, models in inner.items() if models
        )
    return _plans[cls]


def models_in(annotation: Any) -> list[type[Model]]:
    """Return the model classes an annotation names, at any depth."""
    if isinstance(annotation, type) and issubclass(annotation, Model):
        return [annotation]
    return [model for argument in getattr(annotation, "__args__", ()) for model in models_in(argument)]
