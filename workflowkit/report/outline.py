"""Which sections a report has, their titles, and the sentences around them. The page and the terminal share them."""

from __future__ import annotations

from datetime import datetime, tzinfo

from . import sentences
from .figures import Report
from .waits import FEW
from .wording import count_of, day_of, duration, minute_of

TITLES = {
    "waits": "Where approvals wait",
    "people": "Who is waited for",
    "hours": "When they wait",
    "open": "Open cases",
    "again": "What is done again",
    "paths": "Paths that cases take",
    "weeks": "Week by week",
    "longest": "Cases that took longest",
    "playbooks": "Playbook nodes that fail",
    "how": "How to read this",
}

_LEAST_WEEKS = 4
_MOST_FORMS = 10
_LEAST_STEPS = 50
"""Steps below which the hours of the week aren't shown."""


def sections(report: Report) -> list[str]:
    """Return the sections for which there is something to show, in their order."""
    steps = sum(step.decided for step in report.waits)
    there = {
        "waits": report.waits,
        "people": len(report.people) > 1,
        "hours": steps >= _LEAST_STEPS,
        "open": report.open.number,
        "again": report.rework is not None and (report.rework.cases or report.scope.complete >= FEW),
        "paths": report.paths is not None and report.paths.cases > 1,
        "weeks": len(report.weeks) >= _LEAST_WEEKS,
        "longest": report.longest,
        "playbooks": report.playbooks.runs,
    }
    return [section for section, is_there in there.items() if is_there]


def title_of(report: Report, archive: str) -> str:
    """Return the title: what is in the archive, and whose it is, or the archive's name."""
    scope = report.scope
    what = "Approvals" if not scope.runs else "Playbook runs" if not scope.cases else "Approvals and playbook runs"
    owners = [tenant for tenant in scope.tenants if tenant != "default"]
    of_one = len(owners) == len(scope.tenants) == 1 and scope.cases
    return f"{what} of {owners[0]}" if of_one else f"{what} in {archive}"


def leads(report: Report) -> dict[str, str]:
    """Return the sentence that opens each section."""
    found = dict.fromkeys(TITLES, "") | dict(sentences.headlines(report))
    open_first = [case for case in report.longest if case.is_open]
    if report.longest:
        finished = len(report.longest) - len(open_first)
        kinds = [(len(open_first), "open case"), (finished, "finished case")]
        found["longest"] = f"{' and '.join(count_of(cases, kind) for cases, kind in kinds if cases)}, step by step."
        if report.scope.basis == "logs":
            found["longest"] += " Steps without a comment are missing, so cases may have taken longer."
    found["paths"] = sentences.paths(report)
    found["people"] = found["people"] or f"{count_of(len(report.people), 'person', 'people')} had steps to decide."
    found["playbooks"] = found["playbooks"] or "No run failed."
    return found


def facts(report: Report, zone: tzinfo | None) -> list[str]:
    """Return what the report is about: a line for each system, and one for its times."""
    scope = report.scope
    lines = []
    if scope.cases:
        window = _window(scope.first, scope.last, zone)
        more = f" and {len(scope.forms) - _MOST_FORMS} more" if len(scope.forms) > _MOST_FORMS else ""
        forms = f" \u00b7 {', '.join(scope.forms[:_MOST_FORMS])}{more}" if scope.forms else ""
        steps = count_of(scope.steps, "step" if scope.basis == "tasks" else "commented step")
        lines.append(f"{count_of(scope.cases, 'case')} with {steps}{window}{forms}")
    if scope.runs:
        window = _window(scope.first_run, scope.last_run, zone)
        lines.append(f"{count_of(scope.runs, 'playbook run')}{window}")
    if scope.as_of is None:
        return ["The archive has no harvested instance that fits."]
    parts = [f"as harvested {minute_of(scope.as_of, zone)}", f"times in {report.zone}"]
    if scope.cases:
        is_calendar = report.hours is None
        parts.append("calendar time, nights and weekends included" if is_calendar else f"working hours {report.hours}")
    return [*lines, " \u00b7 ".join(parts)]


def _window(first: datetime | None, last: datetime | None, zone: tzinfo | None) -> str:
    begin, end = day_of(first, zone), day_of(last, zone)
    return "" if not begin else f", on {begin}" if begin == end else f", {begin} to {end}"


def definitions(report: Report, zone: tzinfo | None) -> list[tuple[str, str]]:
    """Return what the words of the report mean, if they are in it."""
    measured = (
        "Calendar time: nights and weekends count."
        if report.hours is None
        else f"Working hours: {report.hours}. Ages and timelines are in calendar time. "
        f"A working day is {duration(report.day)} long."
    )
    rules = "What a rule decided at once is left out, and so is what still waits."
    wait = f"From when a step was given to somebody until it ended. Work on it is included. {measured} {rules}"
    median = "Half of all values are larger. A few very long waits don't move it, as they would an average."
    shown = sections(report)
    found = {
        "Case": ("waits", "One instance of a workflow."),
        "Wait": ("waits", wait),
        "Median": ("waits", median),
        "One in ten over": ("waits", "A tenth of all values is larger. It is left out for fewer than 10 values."),
        "On the desk": ("people", "How many steps waited for a person at a time, on average over the whole time."),
        "First weeks": ("weeks", "Steps that began before the first case aren't known, so little seems to wait."),
        "Of runs": ("playbooks", "How many runs of the playbook came to that node."),
    }
    now = f"When the last instance was harvested: {minute_of(report.scope.as_of, zone)}."
    return [("Now", now), *((term, text) for term, (section, text) in found.items() if section in shown)]
