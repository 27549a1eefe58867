"""`workflowkit plan`: the requests and the time of a harvest, before it starts."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import click

from .loop import run_async
from .options import PATH, again, as_json, sending, together
from .output import count_of, duration, print_json, say
from .settings import accounts
from .systems import SYSTEMS, System

if TYPE_CHECKING:
    from ..harvesting import Plan


@click.group()
def plan() -> None:
    """Estimate the requests and the time of a harvest."""


_for_archive = together(
    click.option(
        "--archive",
        type=PATH,
        metavar="PATH",
        help="Leave out what this archive has, and use its mean number of requests.",
    ),
    again,
    sending,
    as_json,
)


def _command(system: System) -> click.Command:
    @click.command(system.name, help=system.plan, epilog=system.environment)
    @system.choosing
    @_for_archive
    def run(**options: Any) -> None:
        options.pop("file_hosts", None)  # nothing is fetched
        _work(system, **options)

    return run


def _work(
    system: System,
    *,
    profiles: Sequence[str],
    archive: str | None,
    refresh: bool,
    retry_failed: bool,
    as_json: bool,
    attachments: str | None = None,
    **options: Any,
) -> None:
    from ..archive import Archive
    from ..harvesting import plan as make

    there = archive is not None and Path(archive).exists()
    if archive is not None and not there:
        say(f"{archive} isn't there yet: all is to do")

    async def work() -> list[Plan]:
        async with AsyncExitStack() as stack:
            opened = await stack.enter_async_context(system.open_sources(accounts(system, profiles), **options))
            held = await stack.enter_async_context(Archive.open(str(archive), create=False)) if there else None
            return [await make(each, held, refresh=refresh, retry_failed=retry_failed) for each in opened]

    for made in run_async(work()):
        if as_json:
            print_json(attrs.asdict(made))
        else:
            say(_describe(made, saves_files=attachments is not None))


def _describe(made: Plan, *, saves_files: bool) -> str:
    assumed = f"the mean of {made.measured:,} in the archive" if made.measured else "assumed: what short ones take"
    requests = f"{made.listing:,} to list them, as this plan has sent, and {made.each:.3g} for each ({assumed})"
    lines = [
        f"{made.source}: {count_of(made.instances, 'instance')} to harvest, {made.skipped:,} are there already",
        f"{count_of(made.requests, 'request')}: {requests}",
    ]
    if made.seconds is None:
        lines.append("no limit: as fast as the service answers")
    else:
        lines.append(f"at {made.rate:g} a second it takes {duration(made.seconds)}")
    if made.link_days is not None:
        lines.append(_describe_links(made, saves_files=saves_files))
    return "\n".join(lines)


def _describe_links(made: Plan, *, saves_files: bool) -> str:
    expires = datetime.now(UTC) + timedelta(days=made.link_days or 0)
    when = f"links to files expire {made.link_days} days after they are read: the first on {expires:%Y-%m-%d}"
    if made.outlives_links:
        when += ", before it ends"
    if saves_files:
        return f"{when}; files are saved while it runs"
    return f"{when}; --attachments DIR saves what is behind them while it runs"


for _system in SYSTEMS:
    plan.add_command(_command(_system))
