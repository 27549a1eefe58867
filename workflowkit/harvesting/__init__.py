"""Harvesting: from a source into an archive that can be stopped and continued."""

from .archive import Archive, Counts, Failure
from .engine import harvest
from .plan import Plan, plan
from .tally import Summary

__all__ = ["Archive", "Counts", "Failure", "Plan", "Summary", "harvest", "plan"]
