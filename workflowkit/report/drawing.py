"""The shapes of the page, in percent of their pictures: bars, weeks, and the colours of the hours."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from .figures import Hour, Moment, Timeline, Week

_LEAST_IN_HOUR = 5
_QUANTILES = 6
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_TEN_HOURS = 36_000.0


def percent(value: float | None, most: float = 1) -> str:
    """Return the part that a value is of the most."""
    return f"{100 * (value or 0) / most:.1f}%" if most else "0%"


def left(step: Moment, case: Timeline) -> str:
    """Return where the bar of a step begins on the timeline of its case."""
    if step.start is None or case.start is None or not case.took:
        return "0%"
    return f"{min(100 * (step.start - case.start).total_seconds() / case.took, 99.6):.1f}%"


def width(step: Moment, case: Timeline) -> str:
    """Return how long the bar of a step is. The shortest can still be seen."""
    return f"{max(100 * (step.took or 0) / case.took, 0.4):.1f}%" if case.took else "0.4%"


@attrs.frozen
class _Cell:
    text: str
    quantile: int


def heat(hours: Sequence[Hour]) -> Mapping[str, Any]:
    """Return the cells of the week. The six colours are quantiles of the medians that are shown."""
    shown = sorted(hour.median for hour in hours if hour.arrived >= _LEAST_IN_HOUR)
    unit, seconds = ("minutes", 60) if not shown or shown[-1] < _TEN_HOURS else ("hours", 3600)

    def cell(hour: Hour) -> _Cell:
        if hour.arrived < _LEAST_IN_HOUR:
            return _Cell("\u00b7", 0)
        below = bisect_left(shown, hour.median)
        value = hour.median / seconds
        text = f"{value:.1f}" if 0.05 <= value < 1 else f"{value:.0f}"
        return _Cell(text, 1 + _QUANTILES * below // len(shown))

    cells = {(hour.weekday, hour.hour): cell(hour) for hour in hours}
    of_day = [hour.hour for hour in hours] or [0]
    shown_hours = range(min(of_day), max(of_day) + 1)
    days = [(day, [cells.get((number, hour)) for hour in shown_hours]) for number, day in enumerate(_DAYS)]
    return {"unit": unit, "least": _LEAST_IN_HOUR, "hours": shown_hours, "days": days}


def chart(weeks: Sequence[Week]) -> Mapping[str, Any]:
    """Return the bars of the weeks. All numbers are percent of the picture."""
    most = max((max(week.began, week.ended) for week in weeks), default=0) or 1
    most_waiting = max((week.waiting or 0 for week in weeks), default=0)
    step = 100 / (len(weeks) or 1)

    def bar(place: int, week: Week) -> dict[str, str]:
        heights = {
            "began": 100 * week.began / most,
            "ended": 100 * week.ended / most,
            "waiting": 100 * (week.waiting or 0) / (most_waiting or 1),
        }
        return {
            "x": f"{place * step:.2f}%",
            "middle": f"{(place + 0.42) * step:.2f}%",
            "width": f"{0.4 * step:.2f}%",
            "both": f"{0.82 * step:.2f}%",
            **{name: f"{height:.1f}%" for name, height in heights.items()},
            **{f"{name}_y": f"{100 - height:.1f}%" for name, height in heights.items()},
        }

    bars = [bar(place, week) for place, week in enumerate(weeks)]
    return {"bars": bars, "weeks": weeks, "most": most, "most_waiting": most_waiting}
