"""`workflowkit demo`: the main job, end to end, without an account."""

from __future__ import annotations

import asyncio
import shutil
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import click

from .figures import as_data, playbooks, print_columns, waits
from .loop import run_async
from .options import PATH, as_json
from .output import count_of, megabytes, print_json, say

if TYPE_CHECKING:
    from ..harvesting import Summary
    from ..report import Report
    from ..sandbox import Sandbox
    from ..source import Source

_TENANT = "workflowkit-demo"
_TENANT_RATE = 50
_TITLE = b"A company that workflowkit invented"
"""Of the report. It tells whether a page is that of an earlier demo."""


@click.command()
@click.option(
    "--archive", type=PATH, metavar="PATH", default="workflowkit-demo.db", show_default=True, help="Replaced each time."
)
@as_json
def demo(archive: str, *, as_json: bool) -> int:
    """Run a harvest against the sandbox, and write its report. No account needed.

    It takes 20 seconds. The sandbox on this machine serves an invented company's approvals and
    playbook runs. It refuses whatever exceeds the documented rates in any second.

    \b
    workflowkit demo
    """
    from ..sandbox import Sandbox, World
    from .job import counted

    path = Path(archive)
    page = path.with_name(f"{path.stem}.html")
    with Sandbox(World(until=datetime.now().astimezone())) as sandbox:
        say(
            f"a sandbox at {sandbox.url} serves invented instances: {sandbox.world.size} of Jodoo, "
            f"{sandbox.workspace.size} of SecMaster"
        )
        summary, code, seconds = run_async(_harvest(sandbox, path, page))
        logs, nodes = sandbox.jodoo.answered, sandbox.secmaster.answered
    refused = logs["8303"] + logs["8304"] + nodes["APIGW.0308"]
    report = run_async(_report(path, page)) if not summary.stopped else None
    if as_json:
        figures = {"seconds": round(seconds, 1), "refused": refused, "archive": archive, "report": report and str(page)}
        print_json({**attrs.asdict(summary), **figures, "figures": report and as_data(report)})
    elif report is None:
        say("stopped early")
    else:
        sent = logs.total() - refused
        say(
            f"{counted(summary)} in {seconds:.1f} s: {sent} requests to Jodoo, {sent / seconds:.1f} a second of the "
            f"{_TENANT_RATE} allowed, and {nodes.total()} to SecMaster beside them; {refused} refused; "
            f"{count_of(summary.files, 'file')} saved, {megabytes(summary.file_bytes)}\n"
        )
        _show(archive, report, page)
    return code


async def _harvest(sandbox: Sandbox, path: Path, page: Path) -> tuple[Summary, int, float]:
    """Harvest both systems. Return the summary, the exit code, and the seconds it took."""
    from ..files import FileStore
    from ..jodoo import JodooClient
    from ..secmaster import AccessKey, SecMasterClient
    from .job import run
    from .progress import Progress

    await _make_way(path, page)
    env = sandbox.env
    progress = Progress()
    async with (
        JodooClient(
            env["JODOO_API_KEY"], base_url=env["JODOO_BASE_URL"], tenant=_TENANT, observers=[progress]
        ) as jodoo,
        SecMasterClient(
            AccessKey(env["HUAWEICLOUD_SDK_AK"], env["HUAWEICLOUD_SDK_SK"]),
            base_url=env["SECMASTER_BASE_URL"],
            project_id=env["HUAWEICLOUD_SDK_PROJECT_ID"],
            workspace_id=env["SECMASTER_WORKSPACE_ID"],
            tenant=_TENANT,
            observers=[progress],
        ) as secmaster,
    ):
        app = (await jodoo.apps())[0]
        approvals = jodoo.form_source(app.app_id, tasks=True)
        sources: list[Source] = [approvals, secmaster.workspace_source(topology=True)]
        store = FileStore(path.with_name(f"{path.stem}-files"))
        started = time.monotonic()
        summary, code = await run(sources, str(path), progress, store=store)
        return summary, code, time.monotonic() - started


async def _make_way(path: Path, page: Path) -> None:
    """Remove the archive of an earlier demo. Anything else under that name stays, and is an error."""
    from ..archive import Archive
    from ..errors import HarvestError

    if await asyncio.to_thread(page.exists) and _TITLE not in await asyncio.to_thread(page.read_bytes):
        raise HarvestError(f"{page}: isn't the report of an earlier demo, which the demo would replace")
    if not await asyncio.to_thread(path.exists):
        return
    async with Archive.open(path, create=False) as archive:
        tenants = {row[1] async for _, rows in archive.read("instances") for row in rows}
    if tenants - {_TENANT}:
        raise HarvestError(f"{path}: holds a harvest of yours, which the demo would replace; choose another path")
    for ending in ("", "-wal", "-shm"):
        await asyncio.to_thread(Path(f"{path}{ending}").unlink, missing_ok=True)


async def _report(path: Path, page: Path) -> Report:
    from ..archive import Archive
    from ..report import write_page

    async with Archive.open(path, create=False) as archive:
        return await write_page(archive, str(page), title=_TITLE.decode())


def _show(path: str, report: Report, page: Path) -> None:
    from ..report.outline import TITLES
    from ..report.sentences import headlines

    for _, sentence in headlines(report):
        say(f"- {sentence}")
    say("")
    print_columns(TITLES["waits"], list(waits(report)), err=True)
    print_columns(TITLES["playbooks"], list(playbooks(report)), err=True)
    me = _my_name()
    say(
        f"open {page} in a browser for the whole report; all data is in {path}, a plain SQLite file. Next:\n"
        f"  {me} report {path}\n"
        f"  {me} status {path}\n"
        f"  {me} attachments {path}\n"
        f"  {me} export {path} --to tables/\n"
        "with an account of your own:\n"
        "  export JODOO_API_KEY=...\n"
        f"  {me} harvest jodoo --app APP --with tasks --archive approvals.db\n"
        f"  {me} harvest secmaster --topology --archive soc.db   (--help says what to export)"
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
