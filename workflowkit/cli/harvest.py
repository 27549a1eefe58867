"""`workflowkit harvest`: bulk jobs that can be stopped and run again."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import attrs
import click

from .options import as_json, sending
from .output import print_json, say

if TYPE_CHECKING:
    from ..harvesting import Summary
    from ..source import Source

_SOME_FAILED = 3


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
    return asyncio.run(_jodoo(ids, app, form, archive, retry_failed=retry_failed, as_json=as_json, options=options))


async def _jodoo(
    ids: str | None,
    app: str | None,
    form: str | None,
    archive: str,
    *,
    retry_failed: bool,
    as_json: bool,
    options: dict[str, Any],
) -> int:
    from ..jodoo import JodooClient
    from .ids import open_ids
    from .progress import Progress

    progress = Progress()
    async with JodooClient.from_env(observers=[progress], **options) as client:
        source = client.log_source(open_ids(ids)) if ids is not None else client.form_source(str(app), form)
        summary, code = await run(source, archive, progress, retry_failed=retry_failed)
    if as_json:
        print_json(attrs.asdict(summary))
    else:
        say(describe(summary, archive))
    return code


async def run(source: Source, path: str, progress: Any, *, retry_failed: bool = False) -> tuple[Summary, int]:
    """Harvest a source, showing progress; a first signal drains, a second one stops at once."""
    from ..harvesting import Archive
    from ..harvesting import harvest as harvest_

    stop = asyncio.Event()
    received: list[int] = []
    task = asyncio.current_task()

    def on_signal(number: int) -> None:
        if stop.is_set() and task is not None:
            task.cancel()
        received.append(number)
        stop.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError):  # where a platform can't, the signal stops at once
            loop.add_signal_handler(number, on_signal, number)
    async with Archive.open(path) as archive, progress:
        try:
            summary = await harvest_(source, archive, stop=stop, retry_failed=retry_failed, observers=[progress])
        except asyncio.CancelledError:
            raise click.exceptions.Exit(128 + received[0]) from None
    if received:
        return summary, 128 + received[0]
    return summary, _SOME_FAILED if summary.failed else 0


def describe(summary: Summary, archive: str) -> str:
    """Return what a harvest did, for people."""
    lines = [f"{summary.done:,} instances with {summary.logs:,} logs harvested into {archive}"]
    lines[0] += f", {summary.requests:,} requests; {summary.skipped:,} were there already"
    if summary.failed:
        lines.append(
            f"{summary.failed:,} failed: `workflowkit status {archive}` names them, --retry-failed tries again"
        )
    if summary.stopped:
        lines.append("stopped early: run the same command again to go on")
    return "\n".join(lines)
