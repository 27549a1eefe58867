"""The counters of all sections of a report, and what they share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

from ..archive.cases import Case, Harvested
from .clock import Clock, moment_of, stored_time, time_of
from .figures import Report, Scope
from .flow import FinishedPaths, Repetitions
from .lists import Longest, Open
from .outcomes import BY_RULE
from .people import Names
from .playbooks import Nodes
from .waits import Form, People, StepWaits, WeekHours, Weeks, Work
from .wording import describe_zone

_AT_ONCE = 1000
"""Milliseconds. What a rule decides later, such as after a deadline, was waited for."""


def is_open(case: Case) -> bool:
    """Return whether a case is open. If its listing didn't say, it is if one of its steps is."""
    if case.is_open is None:
        return any(step.end_time is None for step in case.steps)
    return case.is_open


def present(scope: Sequence[Harvested]) -> Mapping[tuple[str, str], int]:
    """Return "now" for each system and tenant: when it was harvested last."""
    return {(each.system, each.tenant): moment_of(each.harvested_at) or 0 for each in scope}


class Counting:
    """Takes one case after the other, and makes the report.

    Args:
        clock: measures waits.
        names: what people are called.
        scope: what was harvested, by tenant.
    """

    def __init__(self, clock: Clock, names: Names, scope: Sequence[Harvested]) -> None:
        self._clock = clock
        self._names = names
        self._scope = scope
        self._now = present(scope)
        self._latest = max(self._now.values(), default=0)
        self._all_tasks = any(each.complete for each in scope)
        self._cases = self._without_steps = self._steps = self._impossible = 0
        self._forms: dict[Form, str] = {}
        self._first: int | None = None
        self._last: int | None = None
        self._runs_at: list[str] = []
        self._waits = StepWaits(clock)
        self._people = People(names)
        self._hours = WeekHours(clock)
        self._weeks = Weeks(clock)
        self._open = Open(names)
        self._again = Repetitions()
        self._paths = FinishedPaths()
        self._longest = Longest(names)
        self._nodes = Nodes()

    def add(self, cases: Sequence[Case]) -> None:
        """Count some cases."""
        for case in cases:
            if case.is_approval:
                self._add_approval(case)
            else:
                self._add_run(case)

    def _add_run(self, case: Case) -> None:
        self._nodes.add(case)
        if case.start_time:
            times = (*self._runs_at, case.start_time)
            self._runs_at = [min(times), max(times)]

    def _add_approval(self, case: Case) -> None:
        now = self._now.get((case.system, case.tenant), self._latest)  # a tenant that came while this reads is new
        form = (case.tenant, case.form_id or case.name)
        self._cases += 1
        self._without_steps += not case.steps
        if form[1] is not None and self._forms.get(form, form[1]) == form[1]:
            self._forms[form] = case.name or form[1]
        if self._all_tasks and not case.has_tasks:
            if case.is_open:
                self._open.add(case, moment_of(case.start_time), (), now)
            return
        is_open_now = is_open(case)
        steps = self._work(case, form, is_open_now=is_open_now)
        since = steps[0].begin if steps else moment_of(case.start_time)
        if is_open_now:
            self._open.add(case, since, steps, now)
        if not steps:
            return
        begin, last = steps[0].begin, max(work.begin if work.end is None else work.end for work in steps)
        self._steps += len(steps)
        self._first = begin if self._first is None else min(self._first, begin)
        self._last = last if self._last is None else max(self._last, last)
        self._waits.add(steps)
        self._people.add(steps, now)
        self._hours.add(steps)
        self._weeks.add(steps)
        if self._all_tasks:
            self._again.add(steps)
            if not is_open_now:
                self._paths.add(steps, self._clock.wait(begin, last))
        self._longest.add(case, max((now if is_open_now else last) - begin, 0), now, is_open=is_open_now)

    def _work(self, case: Case, form: Form, *, is_open_now: bool) -> list[Work]:
        """Return the steps of a case in the order in which they began."""
        found: list[tuple[int, int, Work]] = []
        for step in case.steps:
            begin, end = moment_of(step.start_time), moment_of(step.end_time)
            if begin is None:
                continue
            is_possible = end is not None and end >= begin
            self._impossible += end is not None and not is_possible
            work = Work(
                activity=step.activity or "(unnamed)",
                form=form,
                flow_id=step.flow_id,
                who=self._names.key(step),
                outcome=step.outcome,
                begin=begin,
                end=end,
                wait=self._clock.wait(begin, end) if end is not None and is_possible else None,
                by_rule=step.outcome in BY_RULE and end is not None and end - begin < _AT_ONCE,
                is_waiting=end is None and is_open_now,
            )
            found.append((begin, step.position, work))
        found.sort(key=lambda item: item[:2])
        return [work for *_, work in found]

    def report(self) -> Report:
        """Return what was counted."""
        clock = self._clock
        as_of = time_of(self._latest) if self._scope else None
        median = self._waits.median()
        open_cases = self._open.result()
        forms = self._called()
        until = self._latest if open_cases.number else self._last
        period = (until or 0) - (self._first or 0)
        many_tenants = len({each.tenant for each in self._scope}) > 1
        return Report(
            zone=describe_zone(clock.zone, as_of or time_of(0)),
            hours=None if clock.hours is None else clock.hours.text,
            day=None if clock.hours is None else clock.hours.day / 1000,
            scope=self._described(as_of),
            waits=self._waits.result(all_tasks=self._all_tasks, forms=forms),
            median=median,
            people=self._people.result(period) if self._all_tasks else [],
            week=self._hours.result(),
            slowest=self._hours.slowest(median),
            open=open_cases,
            rework=self._again.result(self._waits.total, forms=forms),
            paths=self._paths.result(),
            weeks=self._weeks.result(all_tasks=self._all_tasks),
            longest=self._longest.result(),
            playbooks=self._nodes.result(many_tenants=many_tenants),
        )

    def _called(self) -> Mapping[Form, str]:
        """Return what the forms are called, if there are several: by their tenants as well where names are equal."""
        if len(self._forms) < 2:
            return {}
        counts = Counter(self._forms.values())
        return {form: name if counts[name] == 1 else f"{name} ({form[0]})" for form, name in self._forms.items()}

    def _described(self, as_of: datetime | None) -> Scope:
        runs_at: Sequence[datetime | None] = [stored_time(text) for text in self._runs_at] or (None, None)
        return Scope(
            as_of=as_of,
            basis="tasks" if self._all_tasks else "logs",
            cases=self._cases,
            complete=sum(each.complete for each in self._scope),
            without_steps=self._without_steps,
            steps=self._steps,
            impossible=self._impossible,
            forms=sorted(set(self._forms.values())),
            tenants=list(dict.fromkeys(each.tenant for each in self._scope)),
            first=None if self._first is None else time_of(self._first),
            last=None if self._last is None else time_of(self._last),
            runs=self._nodes.runs,
            first_run=runs_at[0],
            last_run=runs_at[1],
        )
