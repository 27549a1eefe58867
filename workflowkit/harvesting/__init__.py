"""Harvesting: from a source into an archive that can be stopped and continued."""

from .archive import Archive, Counts, Failure
from .engine import harvest
from .tally import Summary

__all__ = ["Archive", "Counts", "Failure", "Summary", "harvest"]
