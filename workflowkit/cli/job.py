"""A harvest as a command runs it: with progress, and signals that let it finish what is in flight."""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial

import click

from ..archive import Archive
from ..errors import HarvestError, WorkflowKitError
from ..files import FileStore
from ..harvesting import Summary, harvest
from ..source import Source
from .loop import handle
from .output import count_of, megabytes, say
from .progress import Progress

_SOME_FAILED = 3
_OBJECTS = 5_000
"""Objects made before Python looks for cycles among them: a page is thousands that go together anyway."""


async def run(
    source: Source | Sequence[Source],
    path: str,
    progress: Progress,
    *,
    refresh: bool = False,
    retry_failed: bool = False,
    store: FileStore | None = None,
) -> tuple[Summary, int]:
    """Harvest one source or several, showing progress. A first signal drains, a second one stops at once."""
    stop = asyncio.Event()
    received: list[int] = []
    task = asyncio.current_task()

    def on_signal(number: int) -> None:
        if received and task is not None:
            task.cancel()
        else:
            say("finishing what is under way; once more stops at once")
        received.append(number)
        stop.set()

    gc.freeze()  # what was imported stays
    gc.set_threshold(_OBJECTS)
    for number in (signal.SIGINT, signal.SIGTERM):
        handle(number, partial(on_signal, number))
    async with Archive.open(path) as archive, progress:
        try:
            summary = await harvest(
                source,
                archive,
                stop=stop,
                refresh=refresh,
                retry_failed=retry_failed,
                attachments=store,
                observers=[progress],
            )
        except WorkflowKitError as error:
            with suppress(HarvestError):
                if done := await archive.done():
                    error.add_note(f"{count_of(done, 'instance')} stored; run the same command again to go on")
            raise
        except asyncio.CancelledError:
            if not received:
                raise
            say("stopped; run the same command again to go on")
            raise click.exceptions.Exit(128 + received[0]) from None
    if received:
        return summary, 128 + received[0]
    return summary, _SOME_FAILED if summary.failed or summary.files_lost or summary.files_waiting else 0


def counted(summary: Summary) -> str:
    """Return how many instances were harvested, and what they brought."""
    kinds = (("log", summary.logs), ("task", summary.tasks), ("node", summary.nodes))
    brought = [count_of(number, noun) for noun, number in kinds if number]
    instances = count_of(summary.done, "instance")
    *first, last = brought or [""]
    return f"{instances} with {' and '.join([*filter(None, [', '.join(first)]), last])}" if brought else instances


def describe(summary: Summary, archive: str, attachments: str | None = None) -> str:
    """Return what a harvest did, for people."""
    lines = list(_describe_instances(summary, archive))
    if attachments is not None:
        lines.extend(_describe_files(summary, archive, attachments))
    if summary.stopped:
        lines.append("stopped early: run the same command again to go on")
    return "\n".join(lines)


def _describe_instances(summary: Summary, archive: str) -> Iterator[str]:
    if not summary.done + summary.failed + summary.skipped:
        if not summary.stopped:
            yield f"nothing to do: there are no such instances ({count_of(summary.requests, 'request')})"
        return
    harvested = f"{counted(summary)} harvested into {archive}"
    saved = f", which has saved {count_of(summary.requests_saved, 'request')}" if summary.requests_saved else ""
    left_out = (
        f"; {count_of(summary.without_instance, 'record')} without an instance" if summary.without_instance else ""
    )
    there = f"{summary.skipped:,} were there already{saved}"
    yield f"{harvested}, {count_of(summary.requests, 'request')}; {there}{left_out}"
    if summary.failed:
        again = f"`workflowkit status {archive}` lists them, --retry-failed tries again"
        yield f"{summary.failed:,} could not be read: {again}"


def _describe_files(summary: Summary, archive: str, attachments: str) -> Iterator[str]:
    yield f"{count_of(summary.files, 'file')} saved into {attachments}, {megabytes(summary.file_bytes)}"
    if summary.files_lost:
        lost = count_of(summary.files_lost, "file")
        yield f"{lost} can't be had any more: `workflowkit attachments {archive}` says why"
    if summary.files_waiting and not summary.stopped:
        yield f"{count_of(summary.files_waiting, 'file')} couldn't be had for now: run the same command again"
