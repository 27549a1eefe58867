"""`workflowkit harvest`: bulk jobs that can be stopped and run again."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import attrs
import click

from .options import as_json, sending
from .output import print_json, say

if TYPE_CHECKING:
    from ..harvesting import Summary


@click.group()
def harvest() -> None:
    """Read many instances into an archive; run it again to go on where it stopped."""


@harvest.command()
@click.option("--ids", metavar="FILE", help="Instance ids, one a line; - for stdin.")
@click.option("--app", metavar="APP", help="All workflow forms of an app.")
@click.option("--form", metavar="ENTRY", help="Only this form of the app.")
@click.option("--archive", metavar="PATH", required=True, help="The SQLite file to harvest into.")
@click.option("--retry-failed", is_flag=True, help="Take up instances that failed in an earlier run.")
@sending
@as_json
def jodoo(
    *,
    ids: str | None,
    app: str | None,
    form: str | None,
    archive: str,
    retry_failed: bool,
    as_json: bool,
    **options: Any,
) -> int:
    """Harvest the logs of Jodoo (简道云) instances.

    \b
    workflowkit harvest jodoo --app 6573f1c2a9d4e80007b1c001 --archive approvals.db
    workflowkit harvest jodoo --ids ids.txt --archive approvals.db
    """
    if (ids is None) == (app is None):
        raise click.UsageError("pass either --ids FILE or --app APP")
    if form is not None and app is None:
        raise click.UsageError("--form ENTRY needs --app APP")
    from ..jodoo import JodooClient
    from .ids import open_ids
    from .job import describe, run
    from .progress import Progress

    progress = Progress()

    async def work() -> tuple[Summary, int]:
        async with JodooClient.from_env(observers=[progress], **options) as client:
            source = client.log_source(open_ids(ids)) if ids is not None else client.form_source(str(app), form)
            return await run(source, archive, progress, retry_failed=retry_failed)

    summary, code = asyncio.run(work())
    if as_json:
        print_json(attrs.asdict(summary))
    else:
        say(describe(summary, archive))
    return code
