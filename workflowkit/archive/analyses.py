"""Questions that an archive's events answer."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

import attrs

from .archive import Archive


@attrs.define
class Step:
    """All steps of one name in one system.

    Attributes:
        outcomes: how many ended with each outcome, such as ``back`` or ``FAILED``. None is a step without one.
        ended: how many have ended.
        seconds: how long those took together.
    """

    system: str
    activity: str
    outcomes: Counter[str | None] = attrs.Factory(Counter)
    ended: int = 0
    seconds: float = 0.0

    @property
    def mean_seconds(self) -> float:
        """How long one took on average, or 0 if none has ended."""
        return self.seconds / self.ended if self.ended else 0.0


async def steps(archive: Archive) -> list[Step]:
    """Return the steps of all harvested instances, one for each system and name, in no order. There may be none."""
    found: dict[tuple[str, str], Step] = {}
    async for names, rows in archive.read("events"):
        for row in rows:
            event = dict(zip(names, row, strict=True))
            key = (event["system"], event["activity"])
            step = found.setdefault(key, Step(*key))
            step.outcomes[event["outcome"]] += 1
            if event["start_time"] and event["end_time"]:
                step.ended += 1
                took = datetime.fromisoformat(event["end_time"]) - datetime.fromisoformat(event["start_time"])
                step.seconds += took.total_seconds()
    return list(found.values())
