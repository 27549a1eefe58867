"""Putting values into the form that every database can store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from enum import Enum
from types import NoneType
from typing import Any

import msgspec

_LARGEST_INTEGER = 2**63 - 1
_MILLISECONDS = len("2024-01-09T03:16:35.447")


def now() -> str:
    """Return the present, as times are stored."""
    return str(_adapt_time(datetime.now(UTC)))


def seconds_since(text: str) -> float:
    """Return how many seconds ago a stored time was."""
    return (datetime.now(UTC) - datetime.fromisoformat(text)).total_seconds()


def adapt(value: Any) -> Any:
    """Return the value as every database can hold it. The row's `raw` keeps what was sent.

    Characters that no database stores (NUL, half a surrogate pair) become U+FFFD, an integer
    beyond 64 bits or a time outside UTC's years null, a time UTC text with milliseconds.
    """
    return _ADAPT[type(value)](value)


def adapt_row(values: Iterable[Any]) -> list[Any]:
    """Return the values of a row as `adapt` makes them. Most are plain text, and stay as they are."""
    return [
        value
        if value is None or (type(value) is str and value.isascii() and "\0" not in value)
        else _ADAPT[type(value)](value)
        for value in values
    ]


def _adapt_text(text: str) -> str:
    if "\0" in text:
        text = text.replace("\0", "\ufffd")
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _adapt_integer(number: int) -> int | None:
    return number if -_LARGEST_INTEGER <= number <= _LARGEST_INTEGER else None


def _adapt_time(time: datetime) -> str | None:
    if time.tzinfo is not UTC:
        try:
            time = time.astimezone(UTC)
        except OverflowError:  # in the year 1 or 9999, on the other side of the date line
            return None
    text: str = msgspec.to_builtins(time)  # as isoformat has it, but with a Z, and faster
    return f"{text[:-1]}.000"[:_MILLISECONDS] + "Z"


class _Adapters(dict[type, Callable[[Any], Any]]):
    def __missing__(self, kind: type[Enum]) -> Callable[[Any], Any]:
        """Adapt an enumeration's members as the text or the number that they are."""
        return self.setdefault(kind, lambda member: adapt(member.value))


_ADAPT: Mapping[type, Callable[[Any], Any]] = _Adapters(
    {
        str: _adapt_text,
        bool: bool,
        int: _adapt_integer,
        bytes: lambda raw: _adapt_text(raw.decode("utf-8", "replace")),
        datetime: _adapt_time,
        NoneType: lambda _: None,
    }
)
