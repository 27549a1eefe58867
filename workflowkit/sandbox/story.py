"""What happens at the invented company, and how long it takes: computed from ids, so that any size costs no memory.

The finance desk is slow, and it gets slower. One of its two people decides most of it. What comes on Friday evening
waits until Monday. Requests without a quote go back. So more and more cases are open.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from functools import lru_cache

import attrs

STEPS = ("Manager approval", "Finance review", "Signature required", "Director approval")
PEOPLE = (
    ("u1001", "Ada Park"),
    ("u1002", "Chen Wei"),
    ("u1003", "Jonas Weber"),
    ("u1004", "Amina Diallo"),
    ("u1005", "李娜"),
    ("u1006", "Tom Okafor"),
    ("u1007", "Sofia Rossi"),
    ("u1008", "刘洋"),
)
COMMENTS: dict[str, tuple[str, ...]] = {
    "forward": (
        "Approved.",
        "Within budget, go ahead.",
        "Two offers are enough for this amount; the cheaper one is faster.",
    ),
    "back": ("Please attach the signed quote.", "The quote is missing.", "The cost centre is missing."),
    "transfer": ("Your department pays for this.", "I am away until Monday."),
    "reject": ("There is no budget for this.", "We have one already."),
}
_HAS_COMMENT = {"forward": 0.55, "back": 1.0, "transfer": 0.7, "reject": 1.0}
_DESKS = {
    "Manager approval": (0, 1, 2, 3),
    "Finance review": (4, 4, 4, 5),
    "Signature required": (3,),
    "Director approval": (6, 7),
}
"""Who decides each step: numbers of people, the more often the more of it."""

_HOURS = {"Manager approval": 1.5, "Finance review": 7.0, "Signature required": 0.6, "Director approval": 4.0}
"""Working hours of the median."""

_BUSY = {4: 2.4}
"""Whose desk is full, and how many times as long it takes there."""

_BEIJING = timezone(timedelta(hours=8))
_OPENS, _CLOSES = 9, 18
_WORKING_DAY = timedelta(hours=_CLOSES - _OPENS)
_WEEKS = 26
_FIRST = datetime(2024, 1, 9, 11, 16, 35, 447_000, tzinfo=_BEIJING)


@attrs.frozen
class Happening:
    """One step of a case. `person` is a number. What is open has no end, no action and no comment."""

    step: str
    person: int
    how: str
    begin: datetime
    end: datetime | None
    action: str | None
    comment: str | None


class Story:
    """The cases of the company over half a year.

    Args:
        cases: how many each form has. Later ones come at the same pace.
        until: the present, in the company's zone: what ends after it is open. Without it, everything has ended long
            ago, in Beijing.
    """

    def __init__(self, cases: int, until: datetime | None = None) -> None:
        self._cases = max(cases, 1)
        self._until = until
        self._first = _monday(_FIRST if until is None else until - timedelta(weeks=_WEEKS))
        self.happenings: Callable[[str, int], tuple[Happening, ...]] = lru_cache(maxsize=64)(self._happenings)

    def begin(self, form: str, number: int) -> datetime:
        """Return when a case begins: in office hours, and the more often the later."""
        days = 5 * _WEEKS * (number / self._cases) ** 0.8
        day, part = int(days), days % 1
        rng = random.Random(repr((form, number, "begin")))
        evening = rng.random() < (0.5 if day % 5 == 4 else 0.15)  # Fridays are when desks are cleared
        hours = _CLOSES - 1 + 3 * rng.random() if evening else _OPENS + (_CLOSES - _OPENS - 1) * part
        began = self._first + timedelta(weeks=day // 5, days=day % 5, hours=hours)
        return began if self._until is None else min(began, self._until - timedelta(minutes=5))

    def _happenings(self, form: str, number: int) -> tuple[Happening, ...]:
        """Return the steps of a case, in their order."""
        return tuple(self._happen(form, number))

    def _happen(self, form: str, number: int) -> Iterator[Happening]:
        rng = random.Random(repr((form, number, "story")))
        route = ["Manager approval"]
        if form.startswith("Purchase"):
            route += ["Finance review", *(["Signature required"] if rng.random() < 0.35 else []), "Director approval"]
        at, place, how = self.begin(form, number), 0, "forward"
        while place < len(route):
            step = route[place]
            person = rng.choice(_DESKS[step])
            action = self._decide(step, form, rng)
            end = at if action == "auto_approve" else self._end(step, person, at, number, rng)
            if self._until is not None and end > self._until:
                yield Happening(step, person, how, at, None, None, None)
                return
            says = rng.choice(COMMENTS[action]) if rng.random() < _HAS_COMMENT.get(action, 0) else None
            yield Happening(step, person, how, at, end, action, says)
            if action == "reject":
                return
            place += {"back": -1, "transfer": 0}.get(action, 1)
            at, how = end, action

    def _end(self, step: str, person: int, begin: datetime, number: int, rng: random.Random) -> datetime:
        """Return when a step is decided. Finance takes four times as long at the end as at the beginning."""
        median = _HOURS[step] * _BUSY.get(person, 1.0)
        if step == "Finance review":
            median *= 0.5 + 1.5 * number / self._cases
        return _work(begin, timedelta(hours=median * rng.lognormvariate(0, 0.9)))

    @staticmethod
    def _decide(step: str, form: str, rng: random.Random) -> str:
        dice = rng.random()
        if form.startswith("Leave") and dice < 0.1:
            return "auto_approve"  # a rule takes half a day off as approved
        if step == "Finance review" and dice < 0.16:
            return "back"
        if step == "Director approval" and dice < 0.05:
            return "reject"
        return "transfer" if dice > 0.95 else "forward"


def _monday(moment: datetime) -> datetime:
    """Return midnight of the Monday of a moment's week."""
    return moment.replace(hour=0, minute=0, second=0) - timedelta(days=moment.weekday())


def _work(begin: datetime, effort: timedelta) -> datetime:
    """Return when so much working time has passed."""
    at = begin
    while True:
        opens = at.replace(hour=_OPENS, minute=0, second=0, microsecond=at.microsecond // 1000 * 1000)
        at = max(at, opens)
        left = opens + _WORKING_DAY - at
        if at.weekday() < 5 and left > timedelta():
            if effort <= left:
                return (at + effort).replace(microsecond=(at + effort).microsecond // 1000 * 1000)
            effort -= left
        at = opens + timedelta(days=1)
