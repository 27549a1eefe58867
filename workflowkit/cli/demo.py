"""`workflowkit demo`: the main job, end to end, without an account."""

from __future__ import annotations

import asyncio
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import click

from .options import as_json
from .output import print_json, print_table, say

if TYPE_CHECKING:
    from ..harvesting import Summary

_TENANT = "workflowkit-demo"
_SLOWEST = """
    SELECT activity, count(*), sum(outcome = 'back'),
        round(avg(julianday(end_time) - julianday(start_time)) * 24 * 60, 1)
    FROM events GROUP BY activity ORDER BY 4 DESC LIMIT 5
"""


@click.command()
@click.option("--archive", metavar="PATH", default="workflowkit-demo.db", show_default=True, help="Replaced each time.")
@as_json
def demo(archive: str, *, as_json: bool) -> int:
    """Harvest an invented company's approvals from a sandbox on this machine: 20 seconds, no account.

    The sandbox refuses whatever exceeds the documented 30 requests in any second.

    \b
    workflowkit demo
    """
    from ..jodoo import JodooClient
    from ..sandbox import Sandbox
    from .job import run
    from .progress import Progress

    path = Path(archive)
    progress = Progress()

    async def work(sandbox: Sandbox) -> tuple[Summary, int, float]:
        await _make_way(path)
        env = sandbox.env
        key, address = env["JODOO_API_KEY"], env["JODOO_BASE_URL"]
        async with JodooClient(key, base_url=address, tenant=_TENANT, observers=[progress]) as client:
            app = (await client.apps())[0]
            started = time.monotonic()
            summary, code = await run(client.form_source(app.app_id), archive, progress)
            return summary, code, time.monotonic() - started

    with Sandbox() as sandbox:
        say(f"a sandbox of Jodoo serves {sandbox.world.size} invented instances at {sandbox.url}")
        summary, code, seconds = asyncio.run(work(sandbox))
        answered = sandbox.jodoo.answered
    refused = answered["8303"] + answered["8304"]
    if as_json:
        print_json({**attrs.asdict(summary), "seconds": round(seconds, 1), "refused": refused, "archive": archive})
    elif summary.stopped:
        say("stopped early")
    else:
        say(
            f"{summary.done} instances, {summary.logs:,} logs in {seconds:.1f} s: {answered['workflow_logs']} requests "
            f"for logs, {answered['workflow_logs'] / seconds:.1f} a second of the 30 allowed, {refused} refused\n"
        )
        _show(archive)
    return code


async def _make_way(path: Path) -> None:
    """Remove the archive of an earlier demo; anything else under that name stays, and is an error."""
    from ..errors import HarvestError
    from ..harvesting import Archive

    if not await asyncio.to_thread(path.exists):
        return
    async with Archive.open(path, create=False) as archive:
        tenants = {row[1] async for _, rows in archive.read("instances") for row in rows}
    if tenants - {_TENANT}:
        raise HarvestError(f"{path}: holds a harvest of yours, which the demo would replace; choose another path")
    for ending in ("", "-wal", "-shm"):
        await asyncio.to_thread(Path(f"{path}{ending}").unlink, missing_ok=True)


def _show(path: str) -> None:
    import sqlite3

    connection = sqlite3.connect(path)
    rows = connection.execute(_SLOWEST).fetchall()
    connection.close()
    print_table(
        "where approvals wait longest", ("step", "approvals", "sent back", "minutes on average"), rows, err=True
    )
    me = _my_name()
    say(
        f"all of it is in {path}, a plain SQLite file. Next:\n"
        f"  {me} status {path}\n"
        f"  {me} export {path} --to approvals.csv\n"
        "with an account of your own:\n"
        "  export JODOO_API_KEY=...\n"
        f"  {me} harvest jodoo --app APP --archive approvals.db"
    )


def _my_name() -> str:
    """Return what to type for this program, here and now."""
    if shutil.which("workflowkit"):
        return "workflowkit"
    called = Path(sys.argv[0])
    if called.name != "workflowkit":
        return "python -m workflowkit"
    here = Path.cwd()
    return str(called.relative_to(here)) if called.is_absolute() and called.is_relative_to(here) else str(called)
