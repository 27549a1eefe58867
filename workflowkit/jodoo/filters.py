"""The conditions of a list of records, checked before they are sent.

The service ignores a condition that it doesn't understand, and returns the whole form with HTTP 200. Source of the
shape and of the 13 methods: help.jodoo.com/open/14220. That it ignores the rest was seen on a real account.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import ConfigError

_WITHOUT_VALUE = ("empty", "not_empty", "verified", "unverified")
METHODS = (*_WITHOUT_VALUE, "eq", "ne", "in", "nin", "all", "range", "like", "gt", "lt")
_EXAMPLE = '{"rel": "and", "cond": [{"field": "flowState", "type": "flowstate", "method": "eq", "value": [1]}]}'


def check_filter(filter: Mapping[str, Any]) -> None:
    """Raise ConfigError, naming the place, for a filter that the service would not understand."""
    if not isinstance(filter, Mapping) or set(filter) - {"rel", "cond"} or not isinstance(filter.get("cond"), list):
        raise ConfigError(f"filter={filter!r}: pass a mapping with rel and a list as cond, such as {_EXAMPLE}")
    if filter.get("rel") not in ("and", "or"):
        raise ConfigError(f"filter: rel is {filter.get('rel')!r}; pass 'and' or 'or'")
    for number, condition in enumerate(filter["cond"]):
        if problem := _problem(condition):
            raise ConfigError(f"filter: cond[{number}] {problem}; an example is {_EXAMPLE}")


def _problem(condition: Any) -> str | None:  # noqa: PLR0911  # one for each thing that can be wrong
    """Return what the service wouldn't understand in a condition, None if it would."""
    if not isinstance(condition, Mapping) or not isinstance(condition.get("field"), str):
        return "names no field"
    if unknown := set(condition) - {"field", "type", "method", "value"}:
        return f"has {', '.join(map(repr, sorted(map(str, unknown))))}, which is unknown"
    method = condition.get("method")
    if method not in METHODS:
        return f"has the method {method!r}; choose one of {', '.join(METHODS)}"
    value = condition.get("value")
    if method in _WITHOUT_VALUE:
        return None
    if isinstance(value, str) or not isinstance(value, Sequence) or not value:
        return f"has the value {value!r}; pass a list that isn't empty"
    if method == "range" and len(value) != 2:
        return "has a range that isn't a list of two values; null leaves one end open"
    if condition["field"] == "flowState" and not all(type(each) is int for each in value):
        return f"has the value {value!r}; states are numbers"
    return None
