"""`workflowkit demo`: the main job, end to end, without an account."""

from __future__ import annotations

import asyncio
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import click

from .loop import run_async
from .options import PATH, as_json
from .output import count_of, megabytes, print_json, print_table, say

if TYPE_CHECKING:
    from ..archive.analyses import Step
    from ..harvesting import Summary
    from ..source import Source

_TENANT = "workflowkit-demo"
_SHOWN = 5


@click.command()
@click.option(
    "--archive", type=PATH, metavar="PATH", default="workflowkit-demo.db", show_default=True, help="Replaced each time."
)
@as_json
def demo(archive: str, *, as_json: bool) -> int:
    """Run a harvest against the sandbox. No account needed.

    It takes 20 seconds. The sandbox on this machine serves an invented company's approvals and
    playbook runs. It refuses whatever exceeds the documented 30 requests in any second.

    \b
    workflowkit demo
    """
    from ..files import FileStore
    from ..jodoo import JodooClient
    from ..sandbox import Sandbox
    from ..secmaster import AccessKey, SecMasterClient
    from .job import counted, run
    from .progress import Progress

    path = Path(archive)
    folder = path.with_name(f"{path.stem}-files")
    progress = Progress()

    async def work(sandbox: Sandbox) -> tuple[Summary, int, float]:
        await _make_way(path)
        env = sandbox.env
        credentials = AccessKey(env["HUAWEICLOUD_SDK_AK"], env["HUAWEICLOUD_SDK_SK"])
        async with (
            JodooClient(
                env["JODOO_API_KEY"], base_url=env["JODOO_BASE_URL"], tenant=_TENANT, observers=[progress]
            ) as jodoo,
            SecMasterClient(
                credentials,
                base_url=env["SECMASTER_BASE_URL"],
                project_id=env["HUAWEICLOUD_SDK_PROJECT_ID"],
                workspace_id=env["SECMASTER_WORKSPACE_ID"],
                tenant=_TENANT,
                observers=[progress],
            ) as secmaster,
        ):
            app = (await jodoo.apps())[0]
            sources: list[Source] = [jodoo.form_source(app.app_id), secmaster.workspace_source(topology=True)]
            started = time.monotonic()
            summary, code = await run(sources, archive, progress, store=FileStore(folder))
            return summary, code, time.monotonic() - started

    with Sandbox() as sandbox:
        say(
            f"a sandbox at {sandbox.url} serves invented instances: {sandbox.world.size} of Jodoo, "
            f"{sandbox.workspace.size} of SecMaster"
        )
        summary, code, seconds = run_async(work(sandbox))
        logs, nodes = sandbox.jodoo.answered, sandbox.secmaster.answered
    refused = logs["8303"] + logs["8304"] + nodes["APIGW.0308"]
    if as_json:
        print_json({**attrs.asdict(summary), "seconds": round(seconds, 1), "refused": refused, "archive": archive})
    elif summary.stopped:
        say("stopped early")
    else:
        say(
            f"{counted(summary)} in {seconds:.1f} s: {logs['workflow_logs']} requests for logs, "
            f"{logs['workflow_logs'] / seconds:.1f} a second of the 30 allowed, and {nodes.total()} for nodes beside "
            f"them; {refused} refused; {count_of(summary.files, 'file')} saved, {megabytes(summary.file_bytes)}\n"
        )
        _show(archive, run_async(_steps(path)))
    return code


async def _make_way(path: Path) -> None:
    """Remove the archive of an earlier demo. Anything else under that name stays, and is an error."""
    from ..archive import Archive
    from ..errors import HarvestError

    if not await asyncio.to_thread(path.exists):
        return
    async with Archive.open(path, create=False) as archive:
        tenants = {row[1] async for _, rows in archive.read("instances") for row in rows}
    if tenants - {_TENANT}:
        raise HarvestError(f"{path}: holds a harvest of yours, which the demo would replace; choose another path")
    for ending in ("", "-wal", "-shm"):
        await asyncio.to_thread(Path(f"{path}{ending}").unlink, missing_ok=True)


async def _steps(path: Path) -> list[Step]:
    from ..archive import Archive
    from ..archive.analyses import steps

    async with Archive.open(path, create=False) as archive:
        return await steps(archive)


def _show(path: str, steps: Sequence[Step]) -> None:
    approvals = sorted((step for step in steps if step.system == "jodoo"), key=lambda step: -step.mean_seconds)
    columns = ("step", "approvals", "sent back", "minutes on average")
    rows = [(*_counted(step, "back"), f"{step.mean_seconds / 60:.1f}") for step in approvals[:_SHOWN]]
    print_table("where approvals wait longest (Jodoo)", columns, rows, err=True)
    nodes = [step for step in steps if step.system == "secmaster" and step.activity not in ("start", "end")]
    nodes.sort(key=lambda step: (-step.outcomes["FAILED"], step.activity))
    columns = ("step", "runs", "failed", "seconds on average")
    rows = [(*_counted(step, "FAILED"), f"{step.mean_seconds:.1f}") for step in nodes[:_SHOWN]]
    print_table("which steps of playbooks fail (SecMaster)", columns, rows, err=True)
    me = _my_name()
    say(
        f"all of it is in {path}, a plain SQLite file. Next:\n"
        f"  {me} status {path}\n"
        f"  {me} attachments {path}\n"
        f"  {me} export {path} --to tables/\n"
        "with an account of your own:\n"
        "  export JODOO_API_KEY=...\n"
        f"  {me} harvest jodoo --app APP --archive approvals.db --attachments files\n"
        f"  {me} harvest secmaster --topology --archive soc.db   (--help says what to export)"
    )


def _counted(step: Step, outcome: str) -> tuple[str, int, int]:
    return step.activity, step.outcomes.total(), step.outcomes[outcome]


def _my_name() -> str:
    """Return what to type for this program, here and now."""
    if shutil.which("workflowkit"):
        return "workflowkit"
    called = Path(sys.argv[0])
    if called.name != "workflowkit":
        return "python -m workflowkit"
    here = Path.cwd()
    return str(called.relative_to(here)) if called.is_absolute() and called.is_relative_to(here) else str(called)
