"""What an archive tells: where approvals wait and for whom, what goes back, what is open, which playbook nodes fail."""

from .analysis import analyse, find_timelines
from .clock import WorkingHours
from .figures import Moment, Report, Timeline
from .page import render, write_page

__all__ = ["Moment", "Report", "Timeline", "WorkingHours", "analyse", "find_timelines", "render", "write_page"]
