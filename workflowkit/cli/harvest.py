"""`workflowkit harvest`: bulk jobs that can be stopped and run again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, TypeVar

import attrs
import click

from .options import as_json, sending, window
from .output import print_json, say
from .secmaster import ENVIRONMENT

if TYPE_CHECKING:
    from ..harvesting import Summary
    from ..source import Source

C = TypeVar("C")


@click.group()
def harvest() -> None:
    """Read many instances into an archive; run it again to go on where it stopped."""


def _into_archive(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of every harvest."""
    for option in (
        as_json,
        sending,
        click.option("--retry-failed", is_flag=True, help="Take up instances that failed in an earlier run."),
        click.option("--archive", metavar="PATH", required=True, help="The SQLite file to harvest into."),
    ):
        command = option(command)
    return command


@harvest.command()
@click.option("--ids", metavar="FILE", help="Instance ids, one a line; - for stdin.")
@click.option("--app", metavar="APP", help="All workflow forms of an app.")
@click.option("--form", metavar="ENTRY", help="Only this form of the app.")
@_into_archive
def jodoo(*, ids: str | None, app: str | None, form: str | None, **options: Any) -> int:
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

    def source(client: JodooClient) -> Source:
        return client.log_source(open_ids(ids)) if ids is not None else client.form_source(str(app), form)

    return _work(JodooClient.from_env, source, **options)


@harvest.command(epilog=ENVIRONMENT)
@window
@click.option("--topology", is_flag=True, help="With every node of each instance: a request more for each.")
@_into_archive
def secmaster(*, since: Any, until: Any, topology: bool, **options: Any) -> int:
    """Harvest the workflow instances of a Huawei Cloud SecMaster workspace.

    \b
    workflowkit harvest secmaster --topology --archive soc.db
    workflowkit harvest secmaster --since 2025-07-01 --until 2025-08-01 --archive soc.db
    """
    from ..secmaster import SecMasterClient

    def source(client: SecMasterClient) -> Source:
        return client.workspace_source(since=since, until=until, topology=topology)

    return _work(SecMasterClient.from_env, source, **options)


def _work(
    connect: Callable[..., AbstractAsyncContextManager[C]],
    source: Callable[[C], Source],
    *,
    archive: str,
    retry_failed: bool,
    as_json: bool,
    **options: Any,
) -> int:
    """Harvest the client's source, say what came of it, and return the exit code."""
    from .job import describe, run
    from .progress import Progress

    progress = Progress()

    async def work() -> tuple[Summary, int]:
        async with connect(observers=[progress], **options) as client:
            return await run(source(client), archive, progress, retry_failed=retry_failed)

    summary, code = asyncio.run(work())
    if as_json:
        print_json(attrs.asdict(summary))
    else:
        say(describe(summary, archive))
    return code
