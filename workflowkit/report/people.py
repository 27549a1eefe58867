"""What a report calls people: by their names, or by words that say nothing of them."""

from __future__ import annotations

import hashlib
import secrets
from collections import Counter

from ..archive.cases import Step


class Names:
    """Tells people apart by their usernames, and calls them by their names.

    Two people of one name are called by their usernames as well.

    Args:
        hidden: call each person by a word such as ``person 3fa92c81d0`` instead. It depends on a secret that is
            forgotten with the report, so nobody finds a name by trying all names.
    """

    def __init__(self, *, hidden: bool = False) -> None:
        self._secret = secrets.token_bytes(16) if hidden else None
        self._names: dict[str, str] = {}
        self._counts: Counter[str] | None = None

    def key(self, step: Step) -> str | None:
        """Return what tells a step's person apart, None if nobody is known."""
        key = step.who_id or step.who or None
        if key is not None and step.who:
            self._names[key] = step.who
            self._counts = None
        return key

    def call(self, key: str) -> str:
        """Return what the report calls a person. Ask when all steps have been seen."""
        if self._secret is not None:
            digest = hashlib.blake2b(key.encode("utf-8", "replace"), key=self._secret, digest_size=5)
            return f"person {digest.hexdigest()}"
        if self._counts is None:
            self._counts = Counter(self._names.values())
        name = self._names.get(key, key)
        return f"{name} ({key})" if key != name and self._counts[name] > 1 else name
