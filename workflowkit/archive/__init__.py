"""The archive of a harvest: all SQL is here, and no decision about which instances are read."""

from .archive import Archive as Archive
from .archive import Counts as Counts
from .archive import Failure as Failure
from .cases import Where as Where
from .checks import Problem as Problem
from .eventlog import Event as Event
from .inventory import File as File
from .inventory import FileCounts as FileCounts
from .overview import LastRun as LastRun
from .overview import StatusCount as StatusCount
from .verify import Damage as Damage
from .verify import verify as verify
from .verify import verify_files as verify_files
