"""How long steps wait, for whom, and when."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from typing import TypeAlias

import attrs

from .clock import Clock, date_of, hour_of, monday_of
from .figures import Hour, PersonLoad, StepWait, Week, WeekPart
from .people import Names

_MOST_STEPS = 40
_MOST_WEEKS = 520

_PARTS = ((0, 6), (6, 12), (12, 17), (17, 24))
"""The parts of a day: their first hour, and the one after their last."""

_ENOUGH = 20
"""Steps below which a part of the week isn't told of."""

FEW = 10
"""Steps below which nothing is said of one in ten."""


Form: TypeAlias = tuple[str, str | None]
"""The tenant and the id of a form: two tenants may have forms of one id."""


@attrs.define(slots=True)
class Work:
    """A step of a case, made ready for counting. Times are milliseconds since 1970.

    Attributes:
        form: the form that it belongs to: its tenant, and the form's id.
        flow_id: the node of the workflow. Two nodes may have one name.
        begin, end: when it was given to somebody, and when it ended. None: it is open.
        wait: how long that took by the report's clock. None: it is open, or its times are impossible.
        by_rule: whether a rule decided it at once, so that nobody was waited for.
        is_waiting: whether it waits now.
    """

    activity: str
    form: Form
    flow_id: int | None
    who: str | None
    outcome: str | None
    begin: int
    end: int | None
    wait: int | None
    by_rule: bool
    is_waiting: bool


def rank(values: Sequence[int], of_ten: int) -> float | None:
    """Return the value in seconds that so many of ten don't exceed, by nearest rank. None if there are none."""
    if not values:
        return None
    return sorted(values)[(len(values) * of_ten + 9) // 10 - 1] / 1000


def _milliseconds() -> array[int]:
    return array("q")


@attrs.define
class _Step:
    waits: array[int] = attrs.Factory(_milliseconds)
    calendar: array[int] = attrs.Factory(_milliseconds)
    waiting: int = 0


class StepWaits:
    """How long each step waits."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._steps: dict[tuple[Form, str], _Step] = {}

    def add(self, steps: Iterable[Work]) -> None:
        """Count the steps of one case."""
        for work in steps:
            if work.is_waiting or (work.wait is not None and not work.by_rule):
                step = self._steps.get((work.form, work.activity))
                if step is None:
                    step = self._steps[work.form, work.activity] = _Step()
                if work.wait is None:
                    step.waiting += 1
                    continue
                step.waits.append(work.wait)
                if self._clock.hours is not None and work.end is not None:
                    step.calendar.append(work.end - work.begin)

    @property
    def total(self) -> int:
        """How long all of them waited together, in milliseconds."""
        return sum(sum(step.waits) for step in self._steps.values())

    def median(self) -> float | None:
        """Return the median wait of all steps."""
        every = _milliseconds()
        for step in self._steps.values():
            every.extend(step.waits)
        return rank(every, 5)

    def result(self, *, all_tasks: bool, forms: Mapping[Form, str]) -> list[StepWait]:
        """Return the steps, those that waited longest first: together, or on the basis of logs, by their medians.

        `forms` has what the forms are called, if there are several.
        """
        total = self.total
        found = sorted(self._steps.items(), key=lambda item: (-sum(item[1].waits), -item[1].waiting, item[0][1]))
        if not all_tasks:  # sums tell nothing, so the slowest come first, and those of which little is known last
            found.sort(key=lambda item: (len(item[1].waits) < FEW, -(rank(item[1].waits, 5) or 0)))
        return [
            StepWait(
                form=forms.get(form),
                activity=activity,
                decided=len(step.waits),
                median=rank(step.waits, 5),
                p90=rank(step.waits, 9) if len(step.waits) >= FEW else None,
                calendar_median=rank(step.calendar, 5),
                share=sum(step.waits) / total if all_tasks and total else None,
                waiting=step.waiting if all_tasks else None,
            )
            for (form, activity), step in found[:_MOST_STEPS]
        ]


@attrs.define
class _Person:
    waits: array[int] = attrs.Factory(_milliseconds)
    desk: int = 0
    waiting: int = 0


class People:
    """Whom steps wait for."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._people: dict[str, _Person] = {}

    def add(self, steps: Iterable[Work], now: int) -> None:
        """Count the steps of one case. `now` is when its tenant was harvested last."""
        for work in steps:
            if work.who is None or work.by_rule:
                continue
            person = self._people.get(work.who)
            if person is None:
                person = self._people[work.who] = _Person()
            if work.is_waiting:
                person.waiting += 1
                person.desk += max(now - work.begin, 0)
            elif work.wait is not None and work.end is not None:
                person.waits.append(work.wait)
                person.desk += work.end - work.begin

    def result(self, period: int) -> list[PersonLoad]:
        """Return the people with most on the desk, those first. The period is how long was looked at."""
        total = sum(person.desk for person in self._people.values())
        found = sorted(self._people.items(), key=lambda item: (-item[1].desk, item[0]))
        return [
            PersonLoad(
                person=self._names.call(who),
                decided=len(person.waits),
                waiting=person.waiting,
                queue=person.desk / period if period else 0.0,
                share=person.desk / total if total else 0.0,
                median=rank(person.waits, 5),
                p90=rank(person.waits, 9) if len(person.waits) >= FEW else None,
            )
            for who, person in found
        ]


class WeekHours:
    """How long what arrives in each hour of the week waits."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waits: dict[tuple[int, int], array[int]] = {}

    def add(self, steps: Iterable[Work]) -> None:
        """Count the steps of one case."""
        for work in steps:
            if work.wait is not None and not work.by_rule:
                hour = hour_of(self._clock.local(work.begin))
                self._waits.setdefault(hour, array("q")).append(work.wait)

    def slowest(self, median: float | None) -> WeekPart | None:
        """Return the part of the week that waits longest, if it waits twice as long as the median of all, or longer."""
        parts: list[WeekPart] = []
        for weekday, (begin, end) in product(range(7), _PARTS):
            waits = _milliseconds()
            for hour in range(begin, end):
                waits.extend(self._waits.get((weekday, hour), ()))
            found = rank(waits, 5)
            if found is not None and len(waits) >= _ENOUGH and median and found >= 2 * median:
                parts.append(WeekPart(weekday=weekday, begin=begin, end=end, arrived=len(waits), median=found))
        return max(parts, key=lambda part: part.median, default=None)

    def result(self) -> list[Hour]:
        """Return each hour in which something arrived, Monday first."""
        return [
            Hour(weekday=day, hour=hour, arrived=len(waits), median=rank(waits, 5) or 0.0)
            for (day, hour), waits in sorted(self._waits.items())
        ]


@attrs.define
class _Week:
    began: int = 0
    ended: int = 0
    left: int = 0
    waits: array[int] = attrs.Factory(_milliseconds)


class Weeks:
    """What began and ended in each week, and what waited."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._weeks: dict[int, _Week] = {}

    def add(self, steps: Iterable[Work]) -> None:
        """Count the steps of one case."""
        for work in steps:
            if work.end is not None and work.wait is None:
                continue  # it ended before it began
            began = self._week(work.begin)
            began.began += 1
            if work.end is not None:
                self._week(work.end).ended += 1
            elif not work.is_waiting:
                began.left += 1
            if work.wait is not None and not work.by_rule:
                began.waits.append(work.wait)

    def _week(self, moment: int) -> _Week:
        monday = monday_of(self._clock.local(moment))
        week = self._weeks.get(monday)
        if week is None:
            week = self._weeks[monday] = _Week()
        return week

    def result(self, *, all_tasks: bool) -> list[Week]:
        """Return every week from the first to the last. What waits needs all tasks."""
        if not self._weeks:
            return []
        found: list[Week] = []
        waiting = 0
        for monday in range(min(self._weeks), max(self._weeks) + 1, 7):
            week = self._weeks.get(monday) or _Week()
            waiting += week.began - week.ended - week.left
            found.append(
                Week(
                    monday=date_of(monday),
                    began=week.began,
                    ended=week.ended,
                    waiting=waiting if all_tasks else None,
                    median=rank(week.waits, 5),
                )
            )
        return found[-_MOST_WEEKS:]
