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
@click.option("--to", type=PATH, metavar="FILE.html", help="Write the report as an HTML page. - is stdout.")
@click.option("--instance", "instance_id", metavar="ID", help="Show one instance, step by step, and no report.")
@click.option("--sql", is_flag=True, help="Print the SQL of each figure, and no report.")
@zoned
@window
@click.option("--form", metavar="ENTRY", help="Only instances of this form, by its id.")
@click.option("--tenant", metavar="NAME", help="Only instances of this tenant.")
@click.option("--hours", metavar="H-H", help="Measure waits in working hours, such as 9-18.")
@click.option("--days", metavar="D-D", help="Working days, with --hours. Default: mon-fri.")
@click.option("--holidays", type=PATH, metavar="FILE", help="Days off, with --hours: a date such as 2025-10-01 a line.")
@click.option("--no-names", is_flag=True, help="Replace people's names by pseudonyms.")
@click.option("--title", metavar="TEXT", help="The title of the page. Default: what is in it, and whose.")
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

    _check(to, title, instance_id, choices, sql=sql)
    if sql:
        write(_read(archive, partial(statements, zone=zone)))
        return
    if instance_id is not None:
        wanted = {"instance_id": instance_id, "tenant": choices["tenant"], "names": not choices["no_names"]}
        for each in _read(archive, partial(find_timelines, **wanted)):
            _show_timeline(each, zone, as_json=as_json)
        return
    found = _read(archive, partial(_analyse, to, title, zone=zone, **choices))
    if as_json and to != "-":
        print_json({**as_data(found), "headlines": [text for _, text in headlines(found)], "to": to})
    elif to is None:
        show(found, zone)
        say("more is on the page: --to report.html")
    elif to != "-":
        say(f"{to}: {count_of(found.scope.cases, 'case')} and {count_of(found.scope.runs, 'playbook run')}")


def _check(to: str | None, title: str | None, instance_id: str | None, choices: dict[str, Any], *, sql: bool) -> None:
    """Raise UsageError for options that don't go together."""
    if sum((to is not None, instance_id is not None, sql)) > 1:
        raise click.UsageError("pass only one of --to, --instance and --sql")
    if title is not None and to is None:
        raise click.UsageError("--title goes with --to")
    if sql or instance_id is not None:
        allowed = {"no_names"} if sql else {"no_names", "tenant"}
        for name in sorted({name for name, value in choices.items() if value} - allowed):
            raise click.UsageError(f"--{name} doesn't go with {'--sql' if sql else '--instance'}")


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
    days: str | None,
    holidays: str | None,
    no_names: bool,
) -> Report:
    from ..archive import Where
    from ..archive.cases import check_matches
    from ..report import analyse, write_page
    from ..report.analysis import Chosen

    chosen: Chosen = {
        "zone": zone,
        "hours": _working(hours, days, holidays),
        "where": Where(tenant=tenant, form=form, since=since, until=until),
        "names": not no_names,
    }
    await check_matches(archive.database, chosen["where"])
    if to is None:
        return await analyse(archive, **chosen)
    return await write_page(archive, to, title=title, **chosen)


def _working(hours: str | None, days: str | None, holidays: str | None) -> WorkingHours | None:
    """Return the working hours that are asked for. Raises ConfigError."""
    from ..report import WorkingHours

    if hours is None:
        if holidays is not None or days is not None:
            raise click.UsageError("--days and --holidays go with --hours, such as --hours 9-18")
        return None
    return WorkingHours.parse(hours, days or "mon-fri", () if holidays is None else _read_dates(Path(holidays)))


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
    status = None if found.status is None or found.status.isdecimal() else found.status
    state = "still open" if found.is_open else status or "finished"
    took = duration(found.took) if found.is_complete or found.took is None else f"at least {duration(found.took)}"
    facts = (found.name, found.tenant if found.tenant != "default" else None, state, took or None)
    title = f"{found.instance_id}: {', '.join(filter(None, facts))}"
    print_timeline(title if found.steps else f"{title}, no steps", found.steps, until=found.end, zone=zone)
    if not found.is_complete:
        say("steps without a comment aren't in this archive: `workflowkit harvest jodoo ... --with tasks` brings them")
