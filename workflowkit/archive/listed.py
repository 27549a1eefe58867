"""A listed instance: what the archive knows of it, and what becomes of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import attrs

from ..source import InstanceRef
from .values import adapt

Decision = Literal["queued", "done", "failed"]
"""What becomes of a listed instance: it is queued, or it stays as an earlier run has left it."""


@attrs.frozen
class Known:
    """What the archive knows of an instance. By default it is a new one.

    Attributes:
        run: the run that is still to harvest it.
        stored_tables: the tables whose rows were stored when it was last done.
        is_fresh: whether it was harvested since the run began, or the one that it continues. No clock is asked.
        requests: how many it took, on average.
    """

    run: int | None = None
    state: str = "pending"
    stored_tables: str | None = None
    is_open: bool | None = None
    status: str | None = None
    end_time: str | None = None
    listed_by: int | None = None
    requests: int = 0
    is_fresh: bool = False

    def is_outdated(self, ref: InstanceRef) -> bool:
        """Return whether its status or its end was another one when it was done."""
        other_status = None not in (self.status, ref.status) and adapt(ref.status) != self.status
        other_end = ref.end_time is not None and adapt(ref.end_time) != self.end_time
        return self.state in ("done", "failed") and (other_status or other_end)

    def is_complete(self, wanted: frozenset[str]) -> bool:
        """Return whether the rows of all these tables are stored."""
        return wanted <= frozenset((self.stored_tables or "").split(","))


Decide = Callable[[Known, InstanceRef], Decision]
"""Says what becomes of a listed instance."""


@attrs.frozen
class Enqueued:
    """How many listed instances are queued, done or failed, and how many records have no instance."""

    queued: int = 0
    done: int = 0
    failed: int = 0
    without_instance: int = 0
    requests_saved: int = attrs.field(default=0, eq=False)
