"""The strictest reading of "30 times/second": at most 30 accepted in any sliding second."""

from __future__ import annotations

from collections import deque
from time import monotonic


class SlidingSecond:
    """Counts what was accepted within the last second."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._accepted: deque[float] = deque()

    def is_full(self) -> bool:
        """Return whether one more would be too many now."""
        now = monotonic()
        while self._accepted and self._accepted[0] <= now - 1.0:
            self._accepted.popleft()
        return len(self._accepted) >= self._most

    def accept(self) -> None:
        """Count one more."""
        self._accepted.append(monotonic())
