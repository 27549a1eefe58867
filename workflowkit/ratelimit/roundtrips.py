"""The least and the most time that a round trip takes, estimated from the latest responses."""

from __future__ import annotations

import math

_GENERATION = 500
"""Responses in a generation. The latest one to two generations are remembered."""

_ENOUGH = 20
"""Responses that are needed before there is an estimate."""

_DISTANCE = 3.0
"""How far the floor is below the fastest of n responses, in units of their mean distance from it over the root of n.

If both ways vary evenly and independently, the fastest response is rarely more than 3 units above the true
floor. A larger value would cost rate. A smaller value would cause a refusal now and then.
"""


class _Generation:
    """The least, the most and the sum of the round trips of one generation."""

    __slots__ = ("count", "least", "most", "total")

    def __init__(self) -> None:
        self.count: int = 0
        self.least: float = math.inf
        self.most: float = 0.0
        self.total: float = 0.0


class RoundTrips:
    """The latest round trips of one scope.

    Attributes:
        floor: least seconds for the way to the server and back, or 0 until there is an estimate.
        slowest: seconds of the slowest round trip.
    """

    def __init__(self) -> None:
        self.slowest: float = 0.0
        self.forget()

    def forget(self) -> None:
        """Forget the floor: the network may have changed."""
        self._older = _Generation()
        self._older.most = self.slowest
        self._latest = _Generation()
        self.floor: float = 0.0

    def add(self, seconds: float) -> None:
        """Add one round trip."""
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
            self.floor = max(0.0, least - _DISTANCE * (mean - least) / math.sqrt(count))
