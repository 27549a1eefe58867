"""Harvesting: from a source into an archive that can be stopped and continued."""

from ..files import FileStore
from .archive import Archive, Counts, Failure
from .engine import harvest
from .inventory import Damage, File, FileCounts, count_files, list_files, retry_lost, verify_files
from .plan import Plan, plan
from .progress import Summary

__all__ = [
    "Archive",
    "Counts",
    "Damage",
    "Failure",
    "File",
    "FileCounts",
    "FileStore",
    "Plan",
    "Summary",
    "count_files",
    "harvest",
    "list_files",
    "plan",
    "retry_lost",
    "verify_files",
]
