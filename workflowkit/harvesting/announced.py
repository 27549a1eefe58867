"""Whether a file that came is the one that was announced: by its address, its size or its media type.

A gateway answers with a page of its own and HTTP 200, for one file or for all of them.
"""

from __future__ import annotations

from mimetypes import types_map
from pathlib import PurePath

from ..archive.files import PendingFile
from ..files import PartialFile
from ..files.etag import named_in

_GENERIC = frozenset(
    {"application/octet-stream", "binary/octet-stream", "application/force-download", "application/x-download"}
)
"""Media types that say nothing about the content."""

_PAGES = frozenset({"text/html", "application/xhtml+xml", "application/json"})
"""What services send in place of a file."""


def what_differs(file: PendingFile, part: PartialFile, media_type: str | None) -> str | None:
    """Return how the content isn't the one that was announced, None if it is.

    Where the address has a hash of the content, the hash decides alone.
    """
    named = named_in(file.link)
    if named is not None:
        if named == part.etag:
            return None
        what = f"{media_type or 'something'} of {part.size:,} bytes"
        return f"its content isn't the one that its address names: {what} came"
    if differs := other_size(file, part):
        return f"{differs}, as {media_type}" if media_type else differs
    expected = file.mime or _type_of(file.name)
    if media_type is not None and _is_another(media_type, expected.lower(), size_is_right=file.size is not None):
        return f"{expected} was announced, {media_type} came"
    return None


def other_size(file: PendingFile, part: PartialFile) -> str | None:
    """Return how the size isn't the one that was announced, None if it is or none was."""
    if file.size is None or part.size == file.size:
        return None
    return f"{file.size:,} bytes were announced, {part.size:,} came"


def _type_of(name: str | None) -> str:
    """Return the media type that a name stands for. A signature has no name, and is an image."""
    return "image/png" if name is None else types_map.get(PurePath(name).suffix.lower(), "")


def _is_another(found: str, expected: str, *, size_is_right: bool) -> bool:
    if found in _GENERIC or found == expected:
        return False
    if found in _PAGES:
        return True
    if size_is_right or not expected or expected in _GENERIC:
        return False
    return found.partition("/")[0] != expected.partition("/")[0]
