"""What a report says, as objects. Durations are seconds, times are aware, shares are from 0 to 1.

A list is empty where there is nothing to say, or where the archive can't tell. `Scope.basis` says which.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Literal

import attrs

Basis = Literal["tasks", "logs"]


@attrs.frozen(kw_only=True)
class Scope:
    """What the figures are about, and what they can't tell.

    Attributes:
        as_of: when the last instance was harvested: "now". Tenants have a "now" each. None: the archive is empty.
        basis: what approvals are counted by: all tasks, or the logs, which are tasks with a comment.
        cases: harvested instances of Jodoo.
        complete: those of them whose tasks were harvested. On the basis of tasks, the figures are about these.
        without_steps: those without a single log, on the basis of logs.
        steps: steps that the figures are about.
        impossible: steps that end before they begin. They have no duration.
        forms: the names of the forms.
        first: when the first step began.
        last: when the last one began or ended.
        runs: harvested instances of SecMaster.
        first_run, last_run: when the first and the last of them started.
    """

    as_of: datetime | None
    basis: Basis
    cases: int
    complete: int
    without_steps: int
    steps: int
    impossible: int
    forms: Sequence[str]
    tenants: Sequence[str]
    first: datetime | None
    last: datetime | None
    runs: int
    first_run: datetime | None
    last_run: datetime | None


@attrs.frozen(kw_only=True)
class StepWait:
    """How long one step waits.

    Attributes:
        form: the form's name if there are several, else None.
        decided: how many of it people have decided. What was decided by a rule is left out.
        median: half waited longer. It is None if none was decided.
        p90: one in ten waited longer. None if fewer than 10 were decided.
        calendar_median: the median in calendar time, if the others are working hours.
        share: of all waiting. None on the basis of logs.
        waiting: how many wait now. None on the basis of logs.
    """

    form: str | None
    activity: str
    decided: int
    median: float | None
    p90: float | None
    calendar_median: float | None
    share: float | None
    waiting: int | None


@attrs.frozen(kw_only=True)
class PersonLoad:
    """What waits for one person.

    Attributes:
        queue: how many steps waited on average at any moment, in calendar time. What waits now counts.
        share: of all queues.
        p90: None if fewer than 10 were decided.
    """

    person: str
    decided: int
    waiting: int
    queue: float
    share: float
    median: float | None
    p90: float | None


@attrs.frozen(kw_only=True)
class Hour:
    """What was given to somebody in one hour of the week. Monday is 0."""

    weekday: int
    hour: int
    arrived: int
    median: float


@attrs.frozen(kw_only=True)
class WeekPart:
    """A part of one weekday in which what arrives waits longest. Hours are of the day, the end isn't included."""

    weekday: int
    begin: int
    end: int
    arrived: int
    median: float


@attrs.frozen(kw_only=True)
class OpenCase:
    """A case that isn't finished. `activity` is the step that waits longest, `people` whom it waits for."""

    tenant: str
    instance_id: str
    form: str | None
    since: datetime | None
    age: float | None
    steps: int
    activity: str | None
    people: Sequence[str]
    waiting: float | None


@attrs.frozen(kw_only=True)
class OpenCases:
    """How many cases are open, how old they are, and the oldest ones."""

    number: int
    by_age: Sequence[tuple[str, int]]
    oldest: Sequence[OpenCase]


@attrs.frozen(kw_only=True)
class StepAgain:
    """What becomes of one step, and how often a case goes through it again.

    Attributes:
        again: how often it began after the same step of the same case had ended. Hand-overs don't count.
        cases: how many cases did so.
        seconds: how long the repetitions waited.
    """

    form: str | None
    activity: str
    ended: int
    sent_back: int
    handed_on: int
    rejected: int
    by_rule: int
    again: int
    cases: int
    seconds: float


@attrs.frozen(kw_only=True)
class Rework:
    """What is done again. `share` is that of the cases with a step done again, `waiting` what it is of all waiting."""

    cases: int
    share: float
    waiting: float
    steps: Sequence[StepAgain]


@attrs.frozen(kw_only=True)
class Path:
    """The steps that some finished cases went through. `share` is that of all finished cases."""

    steps: Sequence[str]
    cases: int
    share: float
    median: float


@attrs.frozen(kw_only=True)
class Paths:
    """How many paths there are among how many finished cases, and the most common ones."""

    number: int
    cases: int
    common: Sequence[Path]


@attrs.frozen(kw_only=True)
class Week:
    """A week: steps that began and ended in it, how many waited at its end, and the median wait of what began.

    On the basis of logs, `waiting` is None.
    """

    monday: date
    began: int
    ended: int
    waiting: int | None
    median: float | None


@attrs.frozen(kw_only=True)
class Moment:
    """A step on the timeline of a case. `took` runs until now if it waits. It is None if it isn't known."""

    activity: str
    who: str | None
    outcome: str | None
    start: datetime | None
    end: datetime | None
    took: float | None
    is_waiting: bool = False
    error: str | None = None


@attrs.frozen(kw_only=True)
class Timeline:
    """One instance, step by step. `took` is from its first step to its last, or until now if it is open.

    `more` is the number of steps that are left out. Unless it `is_complete`, steps without a comment aren't known, so
    it may have taken longer.
    """

    system: str
    tenant: str
    instance_id: str
    name: str | None
    status: str | None
    is_open: bool
    is_complete: bool
    start: datetime | None
    end: datetime | None
    took: float | None
    steps: Sequence[Moment]
    more: int = 0


@attrs.frozen(kw_only=True)
class FailedRun:
    """A run of a playbook that failed at a node."""

    instance_id: str
    tenant: str
    at: datetime | None
    error: str | None


@attrs.frozen(kw_only=True)
class NodeFailure:
    """A node of a playbook that fails. A run counts once, however often it comes to the node.

    Attributes:
        errors: the messages, the most common first, and of how many runs.
        latest: the latest runs that failed there.
    """

    workflow: str
    node: str
    runs: int
    failed: int
    errors: Sequence[tuple[str, int]]
    latest: Sequence[FailedRun]


@attrs.frozen(kw_only=True)
class Playbooks:
    """Runs of playbooks by status, how many have nodes, and the nodes that fail."""

    runs: int
    statuses: Sequence[tuple[str, int]]
    with_nodes: int
    failures: Sequence[NodeFailure]


@attrs.frozen(kw_only=True)
class Report:
    """All figures.

    Attributes:
        zone: the time zone of weekdays and hours.
        hours: the working hours by which waits are measured. None: calendar time.
        day: how long a working day is, in seconds. None: calendar time.
        median: half of all steps waited longer.
        slowest: the part of the week in which what arrives waits at least twice as long, None if there is none.
        rework, paths: None where the archive can't tell.
    """

    zone: str
    hours: str | None
    day: float | None
    scope: Scope
    waits: Sequence[StepWait]
    median: float | None
    people: Sequence[PersonLoad]
    week: Sequence[Hour]
    slowest: WeekPart | None
    open: OpenCases
    rework: Rework | None
    paths: Paths | None
    weeks: Sequence[Week]
    longest: Sequence[Timeline]
    playbooks: Playbooks
