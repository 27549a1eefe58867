"""Which listed instances a harvest reads, and which stay as an earlier run has left them."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from ..archive.listed import Decision, Known
from ..archive.tables import tables_of
from ..source import InstanceRef, Source


@attrs.frozen
class Selection:
    """Which instances of a source are read.

    Attributes:
        tables: where the source's rows go.
        refresh: whether instances that are done are read again.
        retry_failed: whether instances that could not be read are tried again.
    """

    tables: frozenset[str]
    refresh: bool
    retry_failed: bool

    @classmethod
    def of(cls, source: Source, *, refresh: bool, retry_failed: bool) -> Selection:
        """Return the selection for a source."""
        return cls(frozenset(tables_of(source.kinds)), refresh, retry_failed)

    @property
    def options(self) -> Sequence[str]:
        """What a run must have in common with the one that it continues."""
        chosen = {"refresh": self.refresh, "retry-failed": self.retry_failed}
        return [name for name, wanted in chosen.items() if wanted]

    def decide(self, known: Known, ref: InstanceRef) -> Decision:
        """Return what becomes of an instance.

        It is queued if it is not done, or if its status or end time has changed. It is also queued if it was open
        when it was last read, before this run, or if rows of a wanted kind are missing.
        """
        is_outdated = known.is_outdated(ref)
        if known.state == "failed" and not is_outdated:
            return "queued" if self.retry_failed and not known.is_fresh else "failed"
        again = self.refresh or (self.tables and (known.is_open or ref.is_open))
        queued = (
            known.state != "done" or is_outdated or not known.is_complete(self.tables) or (again and not known.is_fresh)
        )
        return "queued" if queued else "done"
