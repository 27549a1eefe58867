"""Which sections a report has, their titles, and the sentences around them. The page and the terminal share them."""

from __future__ import annotations

from datetime import UTC, tzinfo

from . import sentences
from .figures import Report
from .wording import count_of, day_of, duration, minute_of, number

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
        "again": report.rework is not None and report.scope.complete >= sentences.FEW,
        "paths": report.paths is not None and report.paths.cases > 1,
        "weeks": len(report.weeks) > 1,
        "longest": report.longest,
        "playbooks": report.playbooks.runs,
    }
    return [section for section, is_there in there.items() if is_there]


def title_of(report: Report) -> str:
    """Return the title: what is in the archive, and whose it is."""
    scope = report.scope
    what = "Approvals" if not scope.runs else "Playbook runs" if not scope.cases else "Approvals and playbook runs"
    owners = [tenant for tenant in scope.tenants if tenant != "default"]
    return f"{what} of {owners[0]}" if len(owners) == len(scope.tenants) == 1 and scope.cases else what


def leads(report: Report) -> dict[str, str]:
    """Return the sentence that opens each section."""
    found = dict.fromkeys(TITLES, "") | dict(sentences.headlines(report))
    open_first = [case for case in report.longest if case.is_open]
    if report.longest:
        finished = len(report.longest) - len(open_first)
        kinds = [(len(open_first), "open case"), (finished, "finished case")]
        found["longest"] = f"{' and '.join(count_of(cases, kind) for cases, kind in kinds if cases)}, step by step."
    failed = dict(report.playbooks.statuses).get("FAILED", 0)
    found["paths"] = sentences.paths(report)
    found["people"] = found["people"] or f"Steps wait for {count_of(len(report.people), 'person', 'people')}."
    found["playbooks"] = found["playbooks"] or (
        f"{count_of(failed, 'run')} of {number(report.playbooks.runs)} failed." if failed else "No node failed."
    )
    return found


def facts(report: Report, zone: tzinfo | None) -> list[str]:
    """Return what the report is about: a line for each system, and one for its times."""
    scope = report.scope
    lines = []
    if scope.cases:
        window = f", {day_of(scope.first, zone)} to {day_of(scope.last, zone)}" if scope.first else ""
        forms = f" \u00b7 {', '.join(scope.forms)}" if scope.forms else ""
        lines.append(f"{count_of(scope.cases, 'case')} with {count_of(scope.steps, 'step')}{window}{forms}")
    if scope.runs:
        window = f", {day_of(scope.first_run, zone)} to {day_of(scope.last_run, zone)}" if scope.first_run else ""
        lines.append(f"{count_of(scope.runs, 'playbook run')}{window}")
    if scope.as_of is None:
        return ["The archive has no harvested instance that fits."]
    hours = "calendar time, nights and weekends included" if report.hours is None else f"working hours {report.hours}"
    lines.append(f"as harvested {minute_of(scope.as_of, zone)} \u00b7 times in {report.zone} \u00b7 {hours}")
    return lines


def definitions(report: Report) -> list[tuple[str, str]]:
    """Return what the words of the report mean."""
    measured = (
        "Calendar time: nights and weekends count."
        if report.hours is None
        else f"Working hours: {report.hours}. Ages and timelines are in calendar time. "
        f"A working day is {duration(report.day)} long."
    )
    now = minute_of(report.scope.as_of, UTC)
    rules = "What a rule decided at once is left out, and so is what still waits."
    found = [
        ("Wait", f"From when a step was given to somebody until it ended. Work on it is included. {measured} {rules}"),
        ("Median", "Half of all values are larger. A few very long waits don't move it, as they would an average."),
        ("One in ten over", "A tenth of all values is larger."),
        ("Now", f"When the last instance was harvested: {now} UTC."),
        ("Case", "One instance of a workflow."),
    ]
    shown = sections(report)
    if "people" in shown:
        found.append(("On the desk", "How many steps waited for a person at a time, on average over the whole time."))
    if "weeks" in shown:
        found.append(("First weeks", "Steps that began before the first case aren't known, so little seems to wait."))
    if report.playbooks.runs:
        found.append(("Runs of a node", "How many runs of the playbook came to it."))
    return found if report.scope.as_of else []
