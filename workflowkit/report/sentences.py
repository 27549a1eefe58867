"""What a manager reads first: a sentence for each section, if there is enough to say one."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import mean, median

from .figures import Report
from .wording import average, count_of, duration, number, share

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

FEW = 10
"""Steps or cases below which no share and no quantile is told."""

_ENOUGH = 50
"""Steps below which nothing is said of people and of hours."""

_LEAST_QUEUE = 3
_LEAST_TIMES = 1.5
"""How many times as much as usual is worth a sentence."""

_LEAST_PEOPLE = 3
_LEAST_WEEKS = 12


def headlines(report: Report) -> list[tuple[str, str]]:
    """Return the sentences that stand out, each with its section, the most important first."""
    found = ((section, sentence) for section, say in _HEADLINES.items() if (sentence := say(report)))
    return list(found)


def notes(report: Report) -> Iterator[str]:
    """Yield what the report can't tell."""
    scope = report.scope
    if scope.basis == "logs" and scope.cases:
        yield (
            "Only approvals that carry a comment are in here, for Jodoo's log has no others. How long a step takes is "
            "right if people comment on slow and on quick ones alike. Counts, shares and paths can't be told, nor what "
            "waits now. "
            + (f"{_are(scope.without_steps, 'case')} without any comment. " if scope.without_steps else "")
            + "`workflowkit harvest jodoo ... --with tasks` brings the rest."
        )
    elif scope.complete < scope.cases:
        yield (
            f"Of {count_of(scope.cases, 'case')}, {number(scope.complete)} have all their steps. The figures are about "
            "these. Run `workflowkit harvest jodoo ... --with tasks` to its end for the others."
        )
    if scope.impossible:
        yield f"{count_of(scope.impossible, 'step')} ended before they began. They have no duration."
    if report.playbooks.runs > report.playbooks.with_nodes:
        lacking = report.playbooks.runs - report.playbooks.with_nodes
        yield (
            f"{_are(lacking, 'playbook run')} here without its nodes. "
            "`workflowkit harvest secmaster --topology ...` brings them."
        )


def _are(value: int, noun: str) -> str:
    return f"{count_of(value, noun)} {'is' if value == 1 else 'are'}"


def waits(report: Report) -> str:
    """Return where approvals wait."""
    decided = [step for step in report.waits if step.median is not None]
    if not decided:
        return ""
    day = report.day
    if report.scope.basis == "logs":
        often = [step for step in decided if step.decided >= FEW]
        step = max(often or decided, key=lambda step: step.median or 0)
    else:
        step = decided[0]
    where = step.activity if step.form is None else f"{step.activity} ({step.form})"
    if step.decided < FEW:
        return f"{where} took {'longest: ' if len(decided) > 1 else ''}{duration(step.median, day)}."
    all_of = "all" if report.scope.basis == "tasks" else "the commented"
    said = f"Half of {all_of} approvals at {where} wait over {duration(step.median, day)}"
    said += f", one in ten over {duration(step.p90, day)}"
    return f"{said}; it is {share(step.share)} of all waiting." if step.share is not None else f"{said}."


def people(report: Report) -> str:
    """Return for whom approvals wait."""
    busy = sum(person.decided + person.waiting for person in report.people)
    if len(report.people) < _LEAST_PEOPLE or busy < _ENOUGH or report.people[0].queue < _LEAST_QUEUE:
        return ""
    first = report.people[0]
    middle = median(person.queue for person in report.people)
    if first.queue < _LEAST_TIMES * middle:
        return ""
    times = f", {average(first.queue / middle)} times as many as the approver in the middle" if middle else ""
    now = f"; {number(first.waiting)} wait{'s' if first.waiting == 1 else ''} now" if first.waiting else ""
    return f"{first.person} has {average(first.queue)} approvals on the desk on average{times}{now}."


def hours(report: Report) -> str:
    """Return when what arrives waits longest."""
    slow = report.slowest
    if slow is None or report.median is None:
        return ""
    part = {0: "before noon", 12: "in the afternoon"}.get(slow.begin, f"after {slow.begin}:00")
    return (
        f"What arrives on {WEEKDAYS[slow.weekday]}s {part} waits longest: half of it over "
        f"{duration(slow.median, report.day)}, against {duration(report.median, report.day)} at any time."
    )


def open_cases(report: Report) -> str:
    """Return how many cases are open."""
    found = report.open
    if not found.number:
        return ""
    age = found.oldest[0].age if found.oldest else None
    said = f"{_are(found.number, 'case')} open"
    return (
        f"{said}, {'' if found.number == 1 else 'the oldest '}for {duration(age)}." if age is not None else f"{said}."
    )


def again(report: Report) -> str:
    """Return what is done again."""
    rework = report.rework
    if rework is None or report.scope.complete < FEW or not rework.cases:
        return ""
    return (
        f"{share(rework.share)} of cases went through a step again; that cost {share(rework.waiting)} of all waiting."
    )


def paths(report: Report) -> str:
    """Return how many paths there are."""
    found = report.paths
    if found is None or found.cases < 2:
        return ""
    if len(found.common) == found.number:
        return f"{count_of(found.cases, 'finished case')} took {count_of(found.number, 'path')}."
    covered = sum(path.share for path in found.common)
    return (
        f"{number(found.number)} different paths; these {len(found.common)} are {share(covered)} of all finished cases."
    )


def weeks(report: Report) -> str:
    """Return whether more and more waits.

    The first two weeks don't count: they lack steps that began earlier. Nor does the last one, which isn't over.
    """
    found = [week.waiting for week in report.weeks if week.waiting is not None][2:-1]
    if len(found) < _LEAST_WEEKS:
        return ""
    part = len(found) // 4
    then, now = mean(found[:part]), mean(found[-part:])
    if now < _LEAST_QUEUE or now < _LEAST_TIMES * then:
        return ""
    return (
        f"More and more waits: {average(now)} steps at the end of a week over the last {part} weeks, "
        f"{average(then)} over the first {part}."
    )


def playbooks(report: Report) -> str:
    """Return which playbook fails most, and where."""
    if not report.playbooks.failures:
        return ""
    node = report.playbooks.failures[0]
    return (
        f"Playbook \u201c{node.workflow}\u201d fails most at {node.node}: {number(node.failed)} of "
        f"{count_of(node.runs, 'run')} ({share(node.failed / node.runs)})."
    )


_HEADLINES = {
    "waits": waits,
    "people": people,
    "hours": hours,
    "open": open_cases,
    "again": again,
    "weeks": weeks,
    "playbooks": playbooks,
}
