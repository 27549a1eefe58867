"""One instance, step by step, with its time axis: drawn alike for every command."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Any

from .output import print_table, write

if TYPE_CHECKING:
    from ..report.figures import Moment

_WIDEST = 32
_NARROWEST = 8
_SHARE = 5
"""The axis takes one in so many columns of the terminal."""


def print_timeline(
    title: str,
    steps: Sequence[Moment],
    more: Mapping[str, Sequence[Any]] | None = None,
    *,
    until: datetime | None = None,
    zone: tzinfo | None = None,
) -> None:
    """Print steps as a table. On a terminal it has a time axis, and fewer columns the narrower it is.

    Args:
        title: what comes above.
        steps: in their order.
        more: further columns, by their names.
        until: when the axis ends, for steps that are open. Default: with the last time.
        zone: to show times in. None is the local one.
    """
    from rich.console import Console

    from ..report.wording import duration, outcome

    columns: dict[str, Sequence[Any]] = {
        "step": [step.activity for step in steps],
        "who": [step.who for step in steps],
        "outcome": [outcome(step) for step in steps],
        "started": [step.start for step in steps],
        "took": [duration(step.took) for step in steps],
    }
    console = Console()
    if console.is_terminal:
        width = min(max(console.width // _SHARE, _NARROWEST), _WIDEST)
        mark = "\u2588" if (console.encoding or "").startswith("utf") else "#"
        columns["timeline"] = list(_bars(steps, until, width, mark))
    columns |= {"error": [step.error for step in steps]}
    columns |= more or {}
    if not steps:
        write(title)
        return
    kept = {name: values for name, values in columns.items() if any(values) or name in ("step", "outcome", "took")}
    spare = [name for name in ("files", "started", "timeline", "took") if name in kept]
    print_table(title, tuple(kept), zip(*kept.values(), strict=True), spare=spare, zone=zone)


def _bars(steps: Sequence[Moment], until: datetime | None, width: int, mark: str) -> Iterator[str]:
    """Yield the bar of each step on an axis of so many characters. The shortest has one."""
    times = [time for step in steps for time in (step.start, step.end) if time is not None]
    begin = min(times, default=None)
    end = until or max(times, default=None)
    whole = (end - begin).total_seconds() if begin and end else 0.0
    for step in steps:
        if begin is None or step.start is None or whole <= 0:
            yield ""
            continue
        stop = step.end or until or step.start
        first = min(int(width * (step.start - begin).total_seconds() / whole), width - 1)
        last = int(width * (stop - begin).total_seconds() / whole)
        yield " " * first + mark * max(min(last, width) - first, 1)
