"""Enumerations that the vendor may extend: a value that isn't among their members is kept.

It becomes a member that is made for it, equal to its value and without a name of its own.
Nothing remembers it, so that a stream of unknown values costs no memory.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import Self


class OpenText(StrEnum):
    """Base of enumerations of text."""

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, str):
            return None
        member = str.__new__(cls, value)
        member._name_ = member._value_ = str(value)
        return member


class OpenNumber(IntEnum):
    """Base of enumerations of integers."""

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, int) or isinstance(value, bool):
            return None
        member = int.__new__(cls, value)
        member._name_, member._value_ = str(value), int(value)
        return member
