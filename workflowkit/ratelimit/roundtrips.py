"""What the latest answers say about the network: how little and how much a round trip takes."""

from __future__ import annotations

import math

_GENERATION = 500
"""Answers. The latest one to two generations of them are remembered."""

_ENOUGH = 20
"""Answers before the fastest of them says anything about the next."""

_DOUBT = 3.0
"""How far below the fastest of n answers the floor lies, in their mean distance from it by the root of n.

If the way there and the way back vary alike, each for itself and evenly, the fastest is seldom 3 of
those above the least that is possible. More would cost the rate, less a refusal now and then.
"""


class _Generation:
    """The least, the most and the sum of up to so many round trips."""

    __slots__ = ("count", "least", "most", "total")

    def __init__(self) -> None:
        self.count: int = 0
        self.least: float = math.inf
        self.most: float = 0.0
        self.total: float = 0.0


class RoundTrips:
    """The latest round trips of one scope.

    Attributes:
        floor: seconds that a way there and a way back never take less than; 0 until enough is known.
        slowest: the longest of them, in seconds.
    """

    def __init__(self) -> None:
        self.slowest: float = 0.0
        self.forget()

    def forget(self) -> None:
        """Know nothing of the floor: the network isn't what it was."""
        self._older = _Generation()
        self._older.most = self.slowest
        self._latest = _Generation()
        self.floor: float = 0.0

    def add(self, seconds: float) -> None:
        """Take one more into account."""
        if self._latest.count == _GENERATION:
            self._older, self._latest = self._latest, _Generation()
        older, latest = self._older, self._latest
        latest.count += 1
        latest.total += seconds
        latest.least = min(latest.least, seconds)
        latest.most = max(latest.most, seconds)
        self.slowest = max(older.most, latest.most)
        least = min(older.least, latest.least)
        count = older.count + latest.count
        if count >= _ENOUGH:
            mean = (older.total + latest.total) / count
            self.floor = max(0.0, least - _DOUBT * (mean - least) / math.sqrt(count))
