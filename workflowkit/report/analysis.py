"""Reads an archive once, and counts everything that a report says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing
from datetime import datetime, tzinfo
from typing import TypedDict, Unpack

from ..archive import Archive
from ..archive.cases import Case, Where, read_cases, scope
from ..errors import ConfigError
from .clock import Clock, WorkingHours, moment_of, time_of
from .figures import Report, Scope, Timeline
from .flow import FinishedPaths, Repetitions
from .lists import Longest, Open, key_of, timeline
from .people import by_name, hidden
from .playbooks import Nodes
from .waits import People, StepWaits, WeekHours, Weeks, Work
from .wording import describe_zone

_BY_RULE = frozenset({"auto_approve", "auto_forward", "auto_back", "invoke_plugin"})
"""The outcomes that nobody waits for: a rule decides at once."""

_MOST_FORMS = 20


class Chosen(TypedDict, total=False):
    """What can be chosen.

    Attributes:
        zone: the time zone of weekdays, hours and weeks. Default: the local one.
        hours: measure waits by these working hours, instead of calendar time.
        where: which instances to look at. Default: all that are harvested.
        names: whether people have their names. Otherwise each is a word that says nothing of them.
    """

    zone: tzinfo | None
    hours: WorkingHours | None
    where: Where
    names: bool


async def analyse(archive: Archive, **chosen: Unpack[Chosen]) -> Report:
    """Return the figures of an archive. It is read once, at flat memory but for 30 bytes a step.

    "Now" is when the last instance was harvested. An empty archive has a report without figures.

    The archive must have been entered. `Chosen` has the options.

    Raises:
        HarvestError: the archive can't be read.
    """
    where = chosen.get("where", Where())
    harvested_at, _, complete = await scope(archive.database, where)
    clock = Clock(chosen.get("zone"), chosen.get("hours"))
    name = by_name() if chosen.get("names", True) else hidden()
    count = _Count(clock, moment_of(harvested_at) or 0, name, all_tasks=bool(complete))
    async with aclosing(read_cases(archive.database, where)) as chunks:
        async for cases in chunks:
            await asyncio.to_thread(count.add, cases)
    return await asyncio.to_thread(count.report, is_empty=harvested_at is None)


async def find_timelines(archive: Archive, instance_id: str, *, names: bool = True) -> list[Timeline]:
    """Return the timelines of the instance of that id: one, or one for each tenant that has it.

    Without `names`, each person is a word that says nothing of them.

    Raises:
        ConfigError: the archive has no harvested instance of that id.
        HarvestError: the archive can't be read.
    """
    found: list[Timeline] = []
    where = Where(instance_id=instance_id)
    harvested_at, *_ = await scope(archive.database, where)
    name, now = by_name() if names else hidden(), moment_of(harvested_at) or 0
    async with aclosing(read_cases(archive.database, where)) as chunks:
        async for cases in chunks:
            found += [timeline(case, name, now, is_open=_is_open(case)) for case in cases]
    if not found:
        raise ConfigError(f"instance {instance_id!r}: the archive has no harvested instance of that id")
    return found


def _is_open(case: Case) -> bool:
    """Return whether a case is open. If its listing didn't say, it is if one of its steps is."""
    if case.is_open is None:
        return any(step.end_time is None for step in case.steps)
    return case.is_open


class _Count:
    """The counters of all sections, and what they share."""

    def __init__(self, clock: Clock, now: int, name: Callable[[str], str], *, all_tasks: bool) -> None:
        self._clock = clock
        self._now = now
        self._all_tasks = all_tasks
        self._cases = self._complete = self._without_steps = self._steps = self._impossible = 0
        self._forms: dict[tuple[str, str | None], str] = {}
        self._tenants: dict[str, None] = {}
        self._first: int | None = None
        self._last: int | None = None
        self._first_run: str | None = None
        self._last_run: str | None = None
        self._waits = StepWaits(clock)
        self._people = People(name, now)
        self._hours = WeekHours(clock)
        self._weeks = Weeks(clock)
        self._open = Open(name, now)
        self._again = Repetitions()
        self._paths = FinishedPaths()
        self._longest = Longest(name, now)
        self._nodes = Nodes()

    def add(self, cases: Sequence[Case]) -> None:
        for case in cases:
            self._tenants.setdefault(case.tenant)
            if case.is_approval:
                self._add_approval(case)
            else:
                self._add_run(case)

    def _add_run(self, case: Case) -> None:
        self._nodes.add(case)
        if case.start_time:
            self._first_run = min(self._first_run or case.start_time, case.start_time)
            self._last_run = max(self._last_run or case.start_time, case.start_time)

    def _add_approval(self, case: Case) -> None:
        self._cases += 1
        self._complete += case.has_tasks
        if case.form_id or case.name:
            self._forms.setdefault((case.tenant, case.form_id), case.name or str(case.form_id))
        self._without_steps += not case.steps
        is_open = _is_open(case)
        if self._all_tasks and not case.has_tasks:
            if case.is_open:
                self._open.add(case, moment_of(case.start_time), ())
            return
        steps = self._work(case, is_open=is_open)
        begins = [work.begin for work in steps]
        since = moment_of(case.start_time) if not begins else begins[0]
        if is_open:
            self._open.add(case, since, steps)
        if not begins:
            return
        last = max(work.end if work.end is not None else work.begin for work in steps)
        self._steps += len(steps)
        self._first = begins[0] if self._first is None else min(self._first, begins[0])
        self._last = last if self._last is None else max(self._last, last)
        for section in (self._waits, self._people, self._hours, self._weeks):
            section.add(steps)
        if self._all_tasks:
            self._again.add(steps)
            if not is_open:
                self._paths.add(steps, max(self._clock.wait(begins[0], last), 0))
        self._longest.add(case, max((self._now if is_open else last) - begins[0], 0), is_open=is_open)

    def _work(self, case: Case, *, is_open: bool) -> list[Work]:
        """Return the steps of a case in the order in which they began."""
        found: list[tuple[int, int, Work]] = []
        form = case.form_id or case.name
        for step in case.steps:
            begin, end = moment_of(step.start_time), moment_of(step.end_time)
            if begin is None:
                continue
            wait = None
            if end is not None and end >= begin:
                wait = self._clock.wait(begin, end)
            self._impossible += end is not None and wait is None
            work = Work(
                activity=step.activity or "(unnamed)",
                form=form,
                who=key_of(step),
                outcome=step.outcome,
                begin=begin,
                end=end,
                wait=wait,
                by_rule=step.outcome in _BY_RULE,
                is_waiting=end is None and is_open,
            )
            found.append((begin, step.position, work))
        found.sort(key=lambda item: item[:2])
        return [work for *_, work in found]

    def report(self, *, is_empty: bool) -> Report:
        clock = self._clock
        median = self._waits.median()
        open_cases = self._open.result()
        first, last = self._first, self._last
        until = self._now if open_cases.number else last
        period = (until or 0) - (first or 0)
        many_forms = len(self._forms) > 1
        forms = {form_id or name: name for (_, form_id), name in self._forms.items()}
        return Report(
            zone=describe_zone(clock.zone, time_of(self._now)),
            hours=None if clock.hours is None else clock.hours.text,
            day=86_400.0 if clock.hours is None else clock.hours.day / 1000,
            scope=Scope(
                as_of=None if is_empty else time_of(self._now),
                basis="tasks" if self._all_tasks else "logs",
                cases=self._cases,
                complete=self._complete,
                without_steps=self._without_steps,
                steps=self._steps,
                impossible=self._impossible,
                forms=sorted(set(self._forms.values()))[:_MOST_FORMS],
                tenants=list(self._tenants)[:_MOST_FORMS],
                first=None if first is None else time_of(first),
                last=None if last is None else time_of(last),
                runs=self._nodes.result().runs,
                first_run=_time(self._first_run),
                last_run=_time(self._last_run),
            ),
            waits=self._waits.result(all_tasks=self._all_tasks, forms=forms if many_forms else {}),
            median=median,
            people=self._people.result(period) if self._all_tasks else [],
            week=self._hours.result(),
            slowest=self._hours.slowest(median),
            open=open_cases,
            rework=self._again.result(self._waits.total, forms=forms if many_forms else {}),
            paths=self._paths.result(),
            weeks=self._weeks.result(all_tasks=self._all_tasks),
            longest=self._longest.result(),
            playbooks=self._nodes.result(),
        )


def _time(text: str | None) -> datetime | None:
    moment = moment_of(text)
    return None if moment is None else time_of(moment)
