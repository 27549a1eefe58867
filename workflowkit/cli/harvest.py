"""`workflowkit harvest`: bulk jobs that can be stopped and continued."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import attrs
import click

from .loop import run_async
from .options import PATH, again, as_json, sending, together
from .output import print_json, say
from .settings import accounts
from .systems import SYSTEMS, System

if TYPE_CHECKING:
    from ..harvesting import Summary


@click.group()
def harvest() -> None:
    """Read many instances into an archive. Run it again to continue."""


_into_archive = together(
    click.option("--archive", type=PATH, metavar="PATH", required=True, help="The SQLite file to harvest into."),
    again,
    click.option(
        "--progress", type=click.Choice(["auto", "json"]), default="auto", help="json: print JSON Lines to stderr."
    ),
    sending,
    as_json,
)


def _command(system: System) -> click.Command:
    @click.command(system.name, help=system.harvest, epilog=system.environment)
    @system.choosing
    @_into_archive
    def run(**options: Any) -> int:
        return _work(system, **options)

    return run


def _work(
    system: System,
    *,
    profiles: Sequence[str],
    archive: str,
    refresh: bool,
    retry_failed: bool,
    progress: str,
    as_json: bool,
    attachments: str | None = None,
    file_hosts: Sequence[str] = (),
    **options: Any,
) -> int:
    """Harvest what the options choose, say what came of it, and return the exit code."""
    from ..files import FileStore
    from .job import describe, run
    from .progress import Progress

    shown = Progress(as_json=progress == "json")
    if file_hosts and attachments is None:
        raise click.UsageError("--file-host HOST goes with --attachments DIR")
    store = None if attachments is None else FileStore(attachments, hosts=tuple(file_hosts))

    async def work() -> tuple[Summary, int]:
        async with system.open_sources(accounts(system, profiles), observers=[shown], **options) as sources:
            return await run(sources, archive, shown, refresh=refresh, retry_failed=retry_failed, store=store)

    summary, code = run_async(work())
    if as_json:
        print_json(attrs.asdict(summary))
    else:
        say(describe(summary, archive, attachments))
    return code


for _system in SYSTEMS:
    harvest.add_command(_command(_system))
