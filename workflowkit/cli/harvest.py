"""`workflowkit harvest`: bulk jobs that can be stopped and continued."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any

import attrs
import click

from .loop import run_async
from .options import PATH, again, as_json, attaching, sending, together
from .output import print_json, say
from .secmaster import ENVIRONMENT
from .sources import jodoo_sources, of_jodoo, of_secmaster, secmaster_sources

if TYPE_CHECKING:
    from ..harvesting import Summary
    from ..source import Source


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


@harvest.command()
@of_jodoo
@attaching
@_into_archive
def jodoo(**options: Any) -> int:
    """Harvest the logs of Jodoo (简道云) instances.

    \b
    workflowkit harvest jodoo --app 6573f1c2a9d4e80007b1c001 --archive approvals.db
    workflowkit harvest jodoo --ids ids.txt --archive approvals.db --attachments files
    """
    return _work(jodoo_sources, **options)


@harvest.command(epilog=ENVIRONMENT)
@of_secmaster
@_into_archive
def secmaster(**options: Any) -> int:
    """Harvest the workflow instances of a Huawei Cloud SecMaster workspace.

    \b
    workflowkit harvest secmaster --topology --archive soc.db
    workflowkit harvest secmaster --since 2025-07-01 --until 2025-08-01 --archive soc.db
    """
    return _work(secmaster_sources, **options)


def _work(
    sources: Callable[..., AbstractAsyncContextManager[list[Source]]],
    *,
    archive: str,
    refresh: bool,
    retry_failed: bool,
    progress: str,
    as_json: bool,
    attachments: str | None = None,
    file_hosts: Sequence[str] = (),
    **options: Any,
) -> int:
    """Harvest the sources, say what came of it, and return the exit code."""
    from ..files import FileStore
    from .job import describe, run
    from .progress import Progress

    shown = Progress(as_json=progress == "json")
    if file_hosts and attachments is None:
        raise click.UsageError("--file-host HOST goes with --attachments DIR")
    store = None if attachments is None else FileStore(attachments, hosts=tuple(file_hosts))

    async def work() -> tuple[Summary, int]:
        async with sources(observers=[shown], **options) as opened:
            return await run(opened, archive, shown, refresh=refresh, retry_failed=retry_failed, store=store)

    summary, code = run_async(work())
    if as_json:
        print_json(attrs.asdict(summary))
    else:
        say(describe(summary, archive, attachments))
    return code
