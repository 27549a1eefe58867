"""What a report calls people: by their names, or by words that say nothing of them."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable


def by_name() -> Callable[[str], str]:
    """Return what calls people by their names. Two people of one name are told apart by their usernames."""
    usernames: dict[str, str] = {}

    def call(key: str) -> str:
        name, _, username = key.partition("\0")
        first = usernames.setdefault(name, username)
        return name if first == username else f"{name} ({username})"

    return call


def hidden(secret: bytes | None = None) -> Callable[[str], str]:
    """Return what calls each person by a word such as ``person 3fa92c``.

    The word depends on a secret that is forgotten with the report. So nobody finds a name by trying all names.
    """
    key = secret or secrets.token_bytes(16)
    return lambda who: f"person {hashlib.blake2b(who.encode('utf-8', 'replace'), key=key, digest_size=3).hexdigest()}"
