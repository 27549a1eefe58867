"""Harvesting: from a source into an archive that can be stopped and continued. No SQL is here."""

from .engine import harvest as harvest
from .plan import Plan as Plan
from .plan import plan as plan
from .progress import Summary as Summary
