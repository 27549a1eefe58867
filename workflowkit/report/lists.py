"""Single cases: the open ones, and those that took longest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from heapq import heappush, heappushpop
from typing import Generic, TypeVar

from ..archive.cases import Case, Step
from .clock import moment_of, stored_time, time_of
from .figures import Moment, OpenCase, OpenCases, Timeline
from .people import Names
from .waits import Work

T = TypeVar("T")

_MOST_OPEN = 20
_LONGEST_OPEN = 4
_LONGEST_FINISHED = 6
_MOST_STEPS = 24

_DAY = 86_400_000
_AGES = (("under a day", _DAY), ("1 to 7 days", 7 * _DAY), ("7 to 30 days", 30 * _DAY))
_OLDEST = "over 30 days"
_UNKNOWN = "an unknown time"
AGES = (*(name for name, _ in _AGES), _OLDEST, _UNKNOWN)


class _Largest(Generic[T]):
    """The so many items with the largest keys. Of equal keys, those that came first."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._added = 0
        self._heap: list[tuple[int, int, T]] = []

    def add(self, key: int, item: T) -> None:
        self._added += 1
        entry = (key, -self._added, item)
        if len(self._heap) < self._most:
            heappush(self._heap, entry)
        elif key > self._heap[0][0]:
            heappushpop(self._heap, entry)

    def items(self) -> list[T]:
        return [item for *_, item in sorted(self._heap, key=lambda entry: entry[:2], reverse=True)]


class Open:
    """Counts the open cases by age, and keeps the oldest."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._ages: Counter[str] = Counter()
        self._oldest: _Largest[tuple[Case, int | None, Sequence[Work], int]] = _Largest(_MOST_OPEN)

    def add(self, case: Case, since: int | None, steps: Sequence[Work], now: int) -> None:
        """Count one open case. Its age isn't known if nobody knows since when it is open."""
        age = None if since is None else max(now - since, 0)
        self._ages[_UNKNOWN if age is None else next((name for name, most in _AGES if age < most), _OLDEST)] += 1
        self._oldest.add(-1 if age is None else age, (case, since, steps, now))

    def result(self) -> OpenCases:
        """Return the number of open cases, their ages, and the oldest."""
        return OpenCases(
            number=self._ages.total(),
            by_age=[(age, self._ages[age]) for age in AGES if self._ages[age]],
            oldest=[self._describe(*item) for item in self._oldest.items()],
        )

    def _describe(self, case: Case, since: int | None, steps: Sequence[Work], now: int) -> OpenCase:
        waiting = sorted((work for work in steps if work.is_waiting), key=lambda work: work.begin)
        return OpenCase(
            tenant=case.tenant,
            instance_id=case.id,
            form=case.name,
            since=None if since is None else time_of(since),
            age=None if since is None else max(now - since, 0) / 1000,
            steps=len(steps),
            activity=waiting[0].activity if waiting else None,
            people=list(dict.fromkeys(self._names.call(work.who) for work in waiting if work.who is not None)),
            waiting=max(now - waiting[0].begin, 0) / 1000 if waiting else None,
        )


class Longest:
    """Keeps the cases that took longest: some of the open ones, and some of the finished ones."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._open: _Largest[tuple[Case, int]] = _Largest(_LONGEST_OPEN)
        self._finished: _Largest[tuple[Case, int]] = _Largest(_LONGEST_FINISHED)

    def add(self, case: Case, took: int, now: int, *, is_open: bool) -> None:
        """Keep the case if it is one of the longest."""
        (self._open if is_open else self._finished).add(took, (case, now))

    def result(self) -> list[Timeline]:
        """Return the timelines, the open ones first."""
        return [
            timeline(case, self._names, now, is_open=is_open, most=_MOST_STEPS)
            for cases, is_open in ((self._open, True), (self._finished, False))
            for case, now in cases.items()
        ]


def timeline(case: Case, names: Names, now: int, *, is_open: bool, most: int | None = None) -> Timeline:
    """Return a case step by step, in the order in which its steps began: all of them, or the first so many."""
    placed = [(moment_of(step.start_time), moment_of(step.end_time), step) for step in case.steps]
    placed.sort(key=lambda item: (item[0] is None, item[0] or 0, item[2].position))
    moments = [_moment(begin, end, step, names, now, is_open=is_open) for begin, end, step in placed]
    begins = [moment.start for moment in moments if moment.start]
    ends = [moment.end or moment.start for moment in moments if moment.end or moment.start]
    start = min(begins, default=None) or stored_time(case.start_time)
    end = time_of(now) if is_open else max((end for end in ends if end), default=None) or stored_time(case.end_time)
    return Timeline(
        system=case.system,
        tenant=case.tenant,
        instance_id=case.id,
        name=case.name,
        status=case.status,
        is_open=is_open,
        is_complete=case.has_tasks or not case.is_approval,
        start=start,
        end=end,
        took=max((end - start).total_seconds(), 0) if start and end else None,
        steps=moments[:most],
        more=len(moments) - len(moments[:most]),
    )


def _moment(begin: int | None, end: int | None, step: Step, names: Names, now: int, *, is_open: bool) -> Moment:
    is_waiting = end is None and is_open
    until = now if is_waiting else end
    took = None if begin is None or until is None else (until - begin) / 1000
    who = names.key(step)
    return Moment(
        activity=step.activity or "(unnamed)",
        who=None if who is None else names.call(who),
        outcome=step.outcome,
        start=None if begin is None else time_of(begin),
        end=None if end is None else time_of(end),
        took=None if took is None or took < 0 else took,
        is_waiting=is_waiting,
        error=step.detail or None if step.origin == "nodes" else None,
    )
