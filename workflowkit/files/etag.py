"""Qiniu's name for a content: how a file host that names files by it can be checked.

A content of up to 4 MB is named by its SHA-1, a longer one by the SHA-1 of its blocks' SHA-1s. A byte in
front tells which. Source: developer.qiniu.com/kodo/1231/appendix, "etag".
"""

from __future__ import annotations

import hashlib
import re
from base64 import urlsafe_b64encode

_BLOCK = 4 << 20
_SHAPE = re.compile(r"(?:F|l)[\w-]{27}", re.ASCII)
"""20 bytes of SHA-1 behind 0x16 or 0x96, in Base64."""


class Etag:
    """The name of a content that comes in pieces."""

    def __init__(self) -> None:
        self._done: list[bytes] = []  # the digests of whole blocks
        self._block = hashlib.sha1(usedforsecurity=False)
        self._filled = 0

    def update(self, data: bytes) -> None:
        """Take in the next piece."""
        rest = memoryview(data)
        while rest:
            if self._filled == _BLOCK:
                self._done.append(self._block.digest())
                self._block, self._filled = hashlib.sha1(usedforsecurity=False), 0
            piece, rest = rest[: _BLOCK - self._filled], rest[_BLOCK - self._filled :]
            self._block.update(piece)
            self._filled += len(piece)

    def name(self) -> str:
        """Return the name of all that was taken in."""
        last = self._block.digest()
        if not self._done:
            return urlsafe_b64encode(b"\x16" + last).decode()
        blocks = hashlib.sha1(b"".join((*self._done, last)), usedforsecurity=False)
        return urlsafe_b64encode(b"\x96" + blocks.digest()).decode()


def named_in(link: str) -> str | None:
    """Return the content's name that a link ends with, or None where what it ends with can't be one."""
    key = link.rpartition("/")[2]
    return key if _SHAPE.fullmatch(key) else None
