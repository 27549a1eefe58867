"""Credentials that nobody has accepted yet: one attempt at a time finds out, since a few wrong ones lock an account."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Trial:
    """Lets one attempt at a time through until the credentials were accepted.

    Attributes:
        is_accepted: whether they were. Whoever makes the attempts sets it.
    """

    def __init__(self) -> None:
        self.is_accepted: bool = False
        self._trying = asyncio.Lock()

    @asynccontextmanager
    async def attempt(self) -> AsyncIterator[None]:
        """Wait while another attempt finds out, then let this one through."""
        if not self.is_accepted:
            async with self._trying:
                if not self.is_accepted:
                    yield
                    return
        yield
