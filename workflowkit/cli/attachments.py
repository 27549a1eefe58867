"""`workflowkit attachments`: the files of a harvest, with their paths and states."""

from __future__ import annotations

from datetime import tzinfo
from typing import TYPE_CHECKING

import attrs
import click

from .loop import run_async
from .options import PATH, as_json
from .output import count_of, megabytes, print_json, print_table, say, show_time
from .times import zoned

if TYPE_CHECKING:
    from ..archive import Damage, File, FileCounts

_SHOWN = 100
_SIGNATURE = "(signature)"


@click.command()
@click.argument("archive", type=PATH)
@click.option("--retry", is_flag=True, help="Let the next harvest with --attachments try the lost files again.")
@click.option("--verify", is_flag=True, help="Read every saved file and check its size and SHA-256.")
@zoned
@as_json
def attachments(archive: str, *, retry: bool, verify: bool, zone: tzinfo | None, as_json: bool) -> int:
    """Print which files are saved, pending or lost.

    The list has their original names and their paths.

    \b
    workflowkit attachments approvals.db
    workflowkit attachments approvals.db --verify
    """
    from ..archive import Archive, verify_files

    if retry and verify:
        raise click.UsageError("pass either --retry or --verify")

    async def again() -> int:
        async with Archive.open(archive, create=False):
            pass  # it is there, or this has said so
        async with Archive.open(archive) as opened:
            return await opened.retry_lost_files()

    async def check() -> tuple[FileCounts, list[Damage]]:
        async with Archive.open(archive, create=False) as opened:
            return await opened.count_files(), [damage async for damage in verify_files(opened)]

    async def read() -> tuple[FileCounts, list[File]]:
        async with Archive.open(archive, create=False) as opened:
            return await opened.count_files(), await opened.list_files(None if as_json else _SHOWN)

    if retry:
        _show_retried(run_async(again()), as_json=as_json)
        return 0
    if verify:
        counts, damages = run_async(check())
        _show_damages(archive, counts, damages, as_json=as_json)
        return int(bool(damages))
    counts, files = run_async(read())
    _show(archive, counts, files, zone, as_json=as_json)
    return 0


def _show_retried(number: int, *, as_json: bool) -> None:
    if as_json:
        print_json({"retried": number})
    else:
        say(f"{count_of(number, 'lost file')} will be tried again: run the harvest with --attachments once more")


def _show_damages(archive: str, counts: FileCounts, damages: list[Damage], *, as_json: bool) -> None:
    if as_json:
        print_json({**attrs.asdict(counts), "damaged": [attrs.asdict(damage) for damage in damages]})
    elif damages:
        rows = ((damage.instance_id, damage.path, damage.what) for damage in damages[:_SHOWN])
        print_table(count_of(len(damages), "damaged file"), ("instance", "path", "what is wrong"), rows)
    else:
        say(f"{archive}: {count_of(counts.saved, 'file')}, {megabytes(counts.bytes)}, all as they were saved")


def _show(archive: str, counts: FileCounts, files: list[File], zone: tzinfo | None, *, as_json: bool) -> None:
    if as_json:
        print_json({**attrs.asdict(counts), "files": [attrs.asdict(file) for file in files]})
        return
    rows = [("saved", counts.saved), ("of these not as announced", counts.differing), ("waiting", counts.waiting)]
    rows.append(("lost", counts.lost))
    print_table(f"{archive}: {megabytes(counts.bytes)} saved", ("", "number"), ((name, f"{n:,}") for name, n in rows))
    if counts.next_deadline:
        say(f"the first link of the pending files expires at {show_time(counts.next_deadline, zone)}")
    if files:
        title = f"the first {_SHOWN} links (--json has all)" if len(files) == _SHOWN else "links"
        shown = (
            (_SIGNATURE if file.ordinal < 0 else file.name, file.instance_id, file.state, _where(file))
            for file in files
        )
        print_table(title, ("name", "instance", "status", "where it is, or why not"), shown)


def _where(file: File) -> str:
    return "; ".join(filter(None, (file.path, file.reason)))
