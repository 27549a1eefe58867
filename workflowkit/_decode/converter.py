"""JSON to attrs classes: strict about what is known, tolerant of what is new.

cattrs is the authority: it says what a document means, and names every fault with its path. msgspec
reads the same classes much faster, straight from the bytes. So it is tried first, and whatever it
refuses, cattrs decides. A property test holds the two to each other.
"""

from __future__ import annotations

import functools
from datetime import datetime
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, Union, get_args, get_origin

import attrs
import msgspec

from ..errors import DecodeError, TransportError
from .document import Document, building, drop_empty, parse, repair
from .model import Model, bind, models_in

if TYPE_CHECKING:
    from cattrs import Converter

M = TypeVar("M", bound=Model)

Time = Annotated[datetime, msgspec.Meta(tz=True)]
"""An aware datetime: a time without an offset is refused, since nobody could say when it was."""

_MOST_PROBLEMS = 20
"""Elements of one array whose problems are collected. Each costs memory and time, and nobody reads more of them."""


def decode(document: Document, returns: type[M]) -> M:
    """Return the document as an object of the class, which remembers it.

    Raises:
        TransportError: the body isn't the service's: no JSON, no object, or an object without any documented field.
        DecodeError: it is the service's, but not what the class describes.
    """
    body = returns.prepare(document.body)
    model = _decode_fast(body, returns) or _decode_fully(body, returns)
    bind(model, document)
    return model


def structure(value: Any, returns: type[M]) -> M:
    """Return parsed JSON as an object of the class. Raises DecodeError naming every fault."""
    from cattrs import transform_error

    try:
        return converter().structure(value, returns)
    except Exception as error:
        raise DecodeError(tuple(transform_error(error, format_exception=_describe))) from None


def _decode_fast(body: bytes, returns: type[M]) -> M | None:
    cls: Any = returns
    decoder: msgspec.json.Decoder[M] | None = _decoder(cls)
    if decoder is None:
        return None
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:
        return decoder.decode(drop_empty(repair(body)))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _decode_fully(body: bytes, returns: type[M]) -> M:
    try:
        value = parse(drop_empty(repair(body)))
    except ValueError as error:
        raise TransportError(_not_json(body, error)) from None
    names = {returns.wire_names.get(field.name, field.name) for field in attrs.fields(returns)}
    if not isinstance(value, dict) or names.isdisjoint(value):
        what = "an object without any documented field" if isinstance(value, dict) else f"`{_kind(value)}`"
        raise TransportError(f"the response is JSON, but {what}: some gateway or proxy answered")
    return structure(value, returns)


def _not_json(body: bytes, error: ValueError) -> str:
    if not body.strip():
        return "the response is empty"
    if body.lstrip()[:1] == b"<":
        return f"the response is a web page ({len(body)} bytes), not JSON: some gateway or proxy answered"
    return f"the response ({len(body)} bytes) isn't JSON: {error}"


@functools.cache
def _decoder(returns: Any) -> msgspec.json.Decoder[Any] | None:
    """Return msgspec's decoder, or None where a field is renamed, which only cattrs can do."""
    if _renames(returns):
        return None
    with building:
        return msgspec.json.Decoder(returns)


def _renames(cls: type[Model]) -> bool:
    fields = attrs.fields(attrs.resolve_types(cls))
    return bool(cls.wire_names) or any(_renames(model) for field in fields for model in models_in(field.type))


@functools.cache
def converter() -> Converter:
    """Return the process's cattrs converter, made at its first use."""
    from cattrs import Converter
    from cattrs.gen import make_dict_structure_fn, override

    converter = Converter()

    def model_hook(cls: type[Model]) -> Any:
        names: Any = {name: override(rename=wire) for name, wire in cls.wire_names.items()}
        structure: Any = make_dict_structure_fn(attrs.resolve_types(cls), converter, **names)
        return lambda value, cls: structure(_expect(dict, "object", value), cls)

    def tuple_hook(kind: Any) -> Any:
        element = get_args(kind)[0]

        def structure(value: Any, _: Any) -> Any:
            return tuple(_elements(converter, _expect(list, "array", value), element))

        return structure

    converter.register_structure_hook_factory(_is_model, model_hook)
    converter.register_structure_hook_factory(_is_tuple, tuple_hook)
    converter.register_structure_hook_func(_is_union, functools.partial(_structure_union, converter))
    for scalar in (str, int, float, bool):  # and the enumerations, which are subclasses of the first two
        converter.register_structure_hook(scalar, msgspec.convert)
    converter.register_structure_hook_func(lambda kind: kind == Time, msgspec.convert)
    return converter


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Model)


def _is_tuple(kind: Any) -> bool:
    return get_origin(kind) is tuple


def _is_union(kind: Any) -> bool:
    return get_origin(kind) in {Union, UnionType}


def _structure_union(converter: Converter, value: Any, union: Any) -> Any:
    """Choose the arm by the JSON kind of the value. There is at most one of a kind."""
    arms = get_args(union)
    if value is None and type(None) in arms:
        return None
    if isinstance(value, list):
        arms = tuple(arm for arm in arms if _is_tuple(arm)) or arms
    elif isinstance(value, dict):
        arms = tuple(arm for arm in arms if _is_model(arm)) or arms
    return converter.structure(value, arms[0])


def _elements(converter: Converter, values: list[Any], element: Any) -> list[Any]:
    """Return an array's elements as objects. Raise the problems of the first elements that have some."""
    from cattrs.errors import IterableValidationError, IterableValidationNote

    elements: list[Any] = []
    problems: list[Exception] = []
    for index, value in enumerate(values):
        try:
            elements.append(converter.structure(value, element))
        except Exception as error:
            error.add_note(IterableValidationNote(f"at index {index}", index, element))
            problems.append(error)
            if len(problems) == _MOST_PROBLEMS:
                break
    if problems:
        raise IterableValidationError("in an array", problems, list)
    return elements


def _expect(kind: type, name: str, value: Any) -> Any:
    if not isinstance(value, kind):
        raise TypeError(f"Expected `{name}`, got `{_kind(value)}`")
    return value


def _kind(value: Any) -> str:
    names = {dict: "object", list: "array", str: "str", bool: "bool", int: "int", float: "float"}
    return names.get(type(value), "null")


def _describe(error: BaseException, _: type | None) -> str:
    return "required field missing" if isinstance(error, KeyError) else str(error)
