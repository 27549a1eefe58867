"""A report on the terminal: the sentences first, then the tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, tzinfo
from typing import TYPE_CHECKING, Any

import attrs

from .output import print_table, printable, write

if TYPE_CHECKING:
    from ..report import Report

_SHOWN = 10


def as_data(found: Any) -> dict[str, Any]:
    """Return figures as JSON has them. Times are UTC text."""
    return attrs.asdict(found, value_serializer=lambda _, __, value: _as_text(value))


def _as_text(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, date) else value


def show(report: Report, zone: tzinfo | None) -> None:
    """Print a report: what it is about, what it can't tell, what stands out, and its tables."""
    from ..report.outline import TITLES, facts, sections
    from ..report.sentences import headlines, notes

    for line in (*facts(report, zone), *notes(report)):
        write(printable(line))
    found = headlines(report)
    write("")
    for number, (_, sentence) in enumerate(found, 1):
        write(printable(f"{number}. {sentence}"))
    if not found:
        write("Nothing to say yet.")
    for section in sections(report):
        rows = list(_TABLES[section](report)) if section in _TABLES else []
        if rows:
            write("")
            print_columns(TITLES[section], rows, zone=zone)


def print_columns(title: str, rows: list[Mapping[str, Any]], *, zone: tzinfo | None = None, err: bool = False) -> None:
    """Print rows that have their columns' names. Columns that are empty throughout are left out."""
    shown = [name for name in (rows[0] if rows else ()) if any(row[name] not in (None, "") for row in rows)]
    cells = ([row[name] for name in shown] for row in rows)
    print_table(title, shown, cells, spare=[name for name in _SPARE if name in shown], zone=zone, err=err)


_SPARE = ("by rule", "one in ten over", "in cases", "latest", "of all desks", "share")


def waits(report: Report) -> Iterator[Mapping[str, Any]]:
    """Yield a row for each step: how long it waits."""
    from ..report.wording import duration, number, share

    for step in report.waits[:_SHOWN]:
        yield {
            "step": step.activity,
            "form": step.form,
            "decided": number(step.decided),
            "median": duration(step.median, report.day),
            "one in ten over": duration(step.p90, report.day),
            "calendar median": duration(step.calendar_median),
            "of all waiting": None if step.share is None else share(step.share),
            "waiting now": None if step.waiting is None else number(step.waiting),
        }


def people(report: Report) -> Iterator[Mapping[str, Any]]:
    """Yield a row for each person: what waits for them."""
    from ..report.wording import average, duration, number, share

    for person in report.people[:_SHOWN]:
        yield {
            "person": person.person,
            "decided": number(person.decided),
            "on the desk": average(person.queue),
            "of all desks": share(person.share),
            "median": duration(person.median, report.day),
            "one in ten over": duration(person.p90, report.day),
            "waiting now": number(person.waiting),
        }


def open_cases(report: Report) -> Iterator[Mapping[str, Any]]:
    """Yield a row for each of the oldest open cases."""
    from ..report.wording import duration

    for case in report.open.oldest[:_SHOWN]:
        yield {
            "instance": case.instance_id,
            "form": case.form if len(report.scope.forms) > 1 else None,
            "open for": duration(case.age),
            "waits at": case.activity,
            "for": ", ".join(case.people),
        }


def again(report: Report) -> Iterator[Mapping[str, Any]]:
    """Yield a row for each step: what becomes of it, and how often it is done again."""
    from ..report.wording import duration, number

    for step in report.rework.steps[:_SHOWN] if report.rework else ():
        yield {
            "step": step.activity,
            "form": step.form,
            "ended": number(step.ended),
            "sent back": number(step.sent_back),
            "rejected": number(step.rejected),
            "handed on": number(step.handed_on),
            "by rule": number(step.by_rule),
            "done again": number(step.again),
            "in cases": number(step.cases),
            "that cost": duration(step.seconds or None, report.day),
        }


def playbooks(report: Report) -> Iterator[Mapping[str, Any]]:
    """Yield a row for each node that fails."""
    from ..report.wording import number, share

    for node in report.playbooks.failures[:_SHOWN]:
        yield {
            "playbook": node.workflow,
            "node": node.node,
            "failed": number(node.failed),
            "runs": number(node.runs),
            "share": share(node.failed / node.runs),
            "error": node.errors[0][0] if node.errors else None,
            "latest": node.latest[0].instance_id if node.latest else None,
        }


_TABLES = {"waits": waits, "people": people, "open": open_cases, "again": again, "playbooks": playbooks}
"""The sections that are tables on a terminal, too."""
