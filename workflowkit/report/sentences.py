"""What a manager reads first: a sentence for each section, if there is enough to say one."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import mean, median

from .figures import Report
from .waits import FEW
from .wording import average, count_of, duration, number, share

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

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
            "Only steps with a comment are in here, because Jodoo's log has no others. How long a step takes is "
            "right if people comment on slow and on quick ones alike. All counts are of commented steps. Shares, paths "
            "and what waits now can't be told. "
            + (f"{_are(scope.without_steps, 'case')} without any comment. " if scope.without_steps else "")
            + "`workflowkit harvest jodoo ... --with tasks` brings the rest."
        )
    elif scope.complete < scope.cases:
        whole = "1 has all its steps" if scope.complete == 1 else f"{number(scope.complete)} have all their steps"
        yield (
            f"Of {count_of(scope.cases, 'case')}, only {whole}. The figures leave out the others. "
            "Run `workflowkit harvest jodoo ... --with tasks` to its end to have them."
        )
    if report.hours is not None and report.median == 0:
        yield (
            f"Most steps began and ended outside the working hours {report.hours}, so they took no working time. Check "
            "the hours, and the time zone."
        )
    if scope.impossible:
        steps = count_of(scope.impossible, "step")
        yield f"The times of {steps} are impossible: the end is before the beginning. No wait is counted for that."
    if report.playbooks.runs > report.playbooks.with_nodes:
        lacking = report.playbooks.runs - report.playbooks.with_nodes
        yield (
            f"{_are(lacking, 'playbook run')} here without nodes. "
            "`workflowkit harvest secmaster --topology ...` brings them."
        )


def _are(value: int, noun: str) -> str:
    return f"{count_of(value, noun)} {'is' if value == 1 else 'are'}"


def waits(report: Report) -> str:
    """Return where approvals wait."""
    decided = [step for step in report.waits if step.median]
    if not decided:
        return ""
    step = decided[0]
    if step.decided < FEW:
        step = max(decided, key=lambda step: step.median or 0)
    where = step.activity if step.form is None else f"{step.activity} ({step.form})"
    median_wait = duration(step.median, report.day)
    if step.decided < FEW or step.p90 is None:
        return f"{where} has the longest median wait: {median_wait}, of {count_of(step.decided, 'approval')}."
    all_of = "all" if report.scope.basis == "tasks" else "the commented"
    said = f"Half of {all_of} approvals at {where} wait over {median_wait}"
    said += f", one in ten over {duration(step.p90, report.day)}"
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
    times = f", {average(first.queue / middle)} times as many as the median approver" if middle else ""
    now = f"; {number(first.waiting)} wait{'s' if first.waiting == 1 else ''} now" if first.waiting else ""
    return f"{first.person} has {average(first.queue)} approvals on the desk on average{times}{now}."


def hours(report: Report) -> str:
    """Return when what arrives waits longest."""
    slow = report.slowest
    if slow is None or report.median is None:
        return ""
    part = {0: "at night", 6: "in the morning", 12: "in the afternoon"}.get(slow.begin, f"after {slow.begin}:00")
    median_wait, overall = duration(slow.median, report.day), duration(report.median, report.day)
    return (
        f"Of the busy hours, {WEEKDAYS[slow.weekday]}s {part} are the slowest: half of what arrives then waits over "
        f"{median_wait}. The overall median is {overall}."
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
    if rework is None or not rework.cases:
        return ""
    if report.scope.complete < FEW:
        return f"{number(rework.cases)} of {count_of(report.scope.complete, 'case')} went through a step again."
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
    """Return whether more waits than before: over the last weeks on average, and now.

    The first two weeks don't count, because they lack steps that began earlier.
    """
    found = [(week.monday, week.waiting) for week in report.weeks if week.waiting is not None][2:]
    if len(found) < _LEAST_WEEKS:
        return ""
    part = len(found) // 4
    then, now = (mean(waiting for _, waiting in some) for some in (found[:part], found[-part:]))
    if min(now, found[-1][1]) < max(_LEAST_QUEUE, _LEAST_TIMES * then):
        return ""
    return (
        f"More steps are waiting than before: {average(now)} at the end of a week in the last {part} weeks, "
        f"{average(then)} in the {part} weeks from {found[0][0]} on."
    )


def playbooks(report: Report) -> str:
    """Return which playbook fails most, and where."""
    if not report.playbooks.failures:
        failed, all_runs = dict(report.playbooks.statuses).get("FAILED", 0), report.playbooks.runs
        if not failed:
            return ""
        return f"{number(failed)} of {count_of(all_runs, 'playbook run')} failed ({share(failed / all_runs)})."
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
