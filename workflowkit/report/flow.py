"""How cases move: what is done again, and the paths that they take."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from heapq import nlargest

import attrs

from .figures import Path, Paths, Rework, StepAgain
from .outcomes import APPROVED_BY_RULE, BACK, HANDED_ON
from .waits import Form, Work, rank

_MOST_PATHS = 10
_MOST_STEPS = 40


@attrs.define
class _Again:
    outcomes: Counter[str | None] = attrs.Factory(Counter)
    again: int = 0
    cases: int = 0
    waited: int = 0


class Repetitions:
    """Steps that a case goes through again.

    A step is done again if it begins after the same step of the case had ended. So signers side by side don't count.
    Nor does one that the step before it was handed on to.
    """

    def __init__(self) -> None:
        self._steps: dict[tuple[Form, str], _Again] = {}
        self._cases = 0
        self._repeating = 0

    def add(self, steps: Sequence[Work]) -> None:
        """Count the steps of one case, in the order in which they began."""
        self._cases += 1
        ended: dict[tuple[str, int | None], list[tuple[int, int]]] = {}
        repeated: set[tuple[Form, str]] = set()
        for place, work in enumerate(steps):
            key = (work.form, work.activity)
            step = self._steps.get(key)
            if step is None:
                step = self._steps[key] = _Again()
            before = ended.setdefault((work.activity, work.flow_id), [])
            last = max((each for each in before if each[0] <= work.begin), default=None)  # the one that ended last
            if last is not None and steps[last[1]].outcome not in HANDED_ON:
                step.again += 1
                step.waited += 0 if work.by_rule else work.wait or 0
                repeated.add(key)
            if work.end is not None:
                step.outcomes[work.outcome] += 1
                before.append((work.end, place))
        for key in repeated:
            self._steps[key].cases += 1
        self._repeating += bool(repeated)

    def result(self, waiting: int, *, forms: Mapping[Form, str]) -> Rework | None:
        """Return what is done again, or None if there are no cases.

        `waiting` is all waiting, in milliseconds. `forms` has what the forms are called, if there are several.
        """
        if not self._cases:
            return None
        found = sorted(self._steps.items(), key=lambda item: (-item[1].again, -_count(item[1], BACK), item[0][1]))
        return Rework(
            cases=self._repeating,
            share=self._repeating / self._cases,
            waiting=sum(step.waited for step in self._steps.values()) / waiting if waiting else 0.0,
            steps=[
                StepAgain(
                    form=forms.get(form),
                    activity=activity,
                    ended=step.outcomes.total(),
                    sent_back=_count(step, BACK),
                    handed_on=_count(step, HANDED_ON),
                    rejected=step.outcomes["reject"],
                    by_rule=_count(step, APPROVED_BY_RULE),
                    again=step.again,
                    cases=step.cases,
                    seconds=step.waited / 1000,
                )
                for (form, activity), step in found[:_MOST_STEPS]
            ],
        )


def _count(step: _Again, outcomes: frozenset[str]) -> int:
    return sum(step.outcomes[outcome] for outcome in outcomes)


class FinishedPaths:
    """The paths of finished cases, and how long they took in all."""

    def __init__(self) -> None:
        self._paths: dict[tuple[str, ...], array[int]] = {}

    def add(self, steps: Sequence[Work], took: int) -> None:
        """Count one finished case, its steps in the order in which they began."""
        path = tuple([work.activity for work in steps])
        self._paths.setdefault(path, array("q")).append(took)

    def result(self) -> Paths | None:
        """Return the most common paths, or None if no case is finished."""
        cases = sum(map(len, self._paths.values()))
        if not cases:
            return None
        common = nlargest(_MOST_PATHS, sorted(self._paths.items()), key=lambda item: len(item[1]))
        return Paths(
            number=len(self._paths),
            cases=cases,
            common=[
                Path(steps=path, cases=len(took), share=len(took) / cases, median=rank(took, 5) or 0.0)
                for path, took in common
            ],
        )
