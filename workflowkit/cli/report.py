"""`workflowkit report`: where approvals wait, what goes back, what is open, which playbook nodes fail."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from datetime import date, datetime, tzinfo
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import ConfigError
from .figures import as_data, show
from .loop import run_async
from .options import PATH, as_json
from .output import count_of, print_json, say, write
from .timeline import print_timeline
from .times import window, zoned

if TYPE_CHECKING:
    from ..archive import Archive
    from ..report import Report, Timeline, WorkingHours


@click.command()
@click.argument("archive", type=PATH)
@click.option("--to", type=PATH, metavar="FILE.html", help="Write a page instead. It loads nothing and runs no script.")
@click.option("--instance", "instance_id", metavar="ID", help="Draw one instance on a timeline instead.")
@click.option("--sql", is_flag=True, help="Print the SQL of each figure instead.")
@zoned
@window
@click.option("--form", metavar="ENTRY", help="Only instances of this form.")
@click.option("--tenant", metavar="NAME", help="Only instances of this tenant.")
@click.option("--hours", metavar="H-H", help="Measure waits in working hours, such as 9-18.")
@click.option("--days", default="mon-fri", show_default=True, metavar="D-D", help="Working days, with --hours.")
@click.option("--holidays", type=PATH, metavar="FILE", help="Days off, with --hours: a date such as 2025-10-01 a line.")
@click.option("--no-names", is_flag=True, help="Call people by words that say nothing of them.")
@click.option("--title", metavar="TEXT", help="The title of the page.")
@as_json
def report(
    archive: str,
    *,
    to: str | None,
    title: str | None,
    instance_id: str | None,
    sql: bool,
    zone: tzinfo | None,
    as_json: bool,
    **choices: Any,
) -> None:
    """Show where it waits and what fails, on the terminal or as an HTML page.

    It lists where approvals wait and for whom, what goes back, what is open, and which playbook
    nodes fail. "Now" is when the last instance was harvested.

    \b
    workflowkit report approvals.db
    workflowkit report approvals.db --to report.html --tz Asia/Shanghai
    workflowkit report approvals.db --since 7d --hours 9-18 --holidays days-off.txt
    workflowkit report approvals.db --instance 6500cba90000000000000031
    """
    from ..report import find_timelines
    from ..report.sentences import headlines
    from ..report.sql import statements

    if sum((to is not None, instance_id is not None, sql)) > 1:
        raise click.UsageError("pass one of --to, --instance and --sql")
    if sql:
        write(_read(archive, partial(statements, zone=zone)))
        return
    if instance_id is not None:
        for each in _read(archive, partial(find_timelines, instance_id=instance_id)):
            _show_timeline(each, zone, as_json=as_json)
        return
    found = _read(archive, partial(_analyse, to, title, zone=zone, **choices))
    if as_json and to != "-":
        print_json({**as_data(found), "headlines": [text for _, text in headlines(found)], "to": to})
    elif to is None:
        show(found, zone)
    elif to != "-":
        say(f"{to}: {count_of(found.scope.cases, 'case')} and {count_of(found.scope.runs, 'playbook run')}")


def _read(path: str, work: Callable[[Archive], Awaitable[Any]]) -> Any:
    from ..archive import Archive

    async def read() -> Any:
        async with Archive.open(path, create=False) as archive:
            return await work(archive)

    return run_async(read())


async def _analyse(
    to: str | None,
    title: str | None,
    archive: Archive,
    *,
    zone: tzinfo | None,
    since: datetime | None,
    until: datetime | None,
    form: str | None,
    tenant: str | None,
    hours: str | None,
    days: str,
    holidays: str | None,
    no_names: bool,
) -> Report:
    from ..archive import Where
    from ..report import analyse, write_page
    from ..report.analysis import Chosen

    chosen: Chosen = {
        "zone": zone,
        "hours": _working(hours, days, holidays),
        "where": Where(tenant=tenant, form=form, since=since, until=until),
        "names": not no_names,
    }
    if to is None:
        return await analyse(archive, **chosen)
    return await write_page(archive, to, title=title, **chosen)


def _working(hours: str | None, days: str, holidays: str | None) -> WorkingHours | None:
    """Return the working hours that are asked for. Raises ConfigError."""
    from ..report import WorkingHours

    if hours is None:
        if holidays is not None:
            raise click.UsageError("--holidays FILE goes with --hours, such as --hours 9-18")
        return None
    return WorkingHours.parse(hours, days, () if holidays is None else _read_dates(Path(holidays)))


def _read_dates(path: Path) -> Iterator[date]:
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: can't be read ({getattr(error, 'strerror', None) or 'not UTF-8'})") from None
    for number, line in enumerate(lines, 1):
        text = line.partition("#")[0].strip()
        try:
            if text:
                yield date.fromisoformat(text)
        except ValueError:
            raise ConfigError(f"{path}, line {number}: {text[:40]!r} is no date such as 2025-10-01") from None


def _show_timeline(found: Timeline, zone: tzinfo | None, *, as_json: bool) -> None:
    from ..report.wording import duration

    if as_json:
        print_json(as_data(found))
        return
    state = (
        "still open" if found.is_open else found.status if found.status and not found.status.isdecimal() else "finished"
    )
    facts = (found.name, state, duration(found.took) or None)
    title = f"{found.instance_id}: {', '.join(filter(None, facts))}"
    print_timeline(title, found.steps, until=found.end, zone=zone)
