"""A harvest as a command runs it: with progress, and signals that let it finish what is under way."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence
from contextlib import suppress

import click

from ..errors import WorkflowKitError
from ..harvesting import Archive, Summary, harvest
from ..source import Source
from .output import count_of, say
from .progress import Progress

_SOME_FAILED = 3


async def run(
    source: Source | Sequence[Source],
    path: str,
    progress: Progress,
    *,
    refresh: bool = False,
    retry_failed: bool = False,
) -> tuple[Summary, int]:
    """Harvest one source or several, showing progress; a first signal drains, a second one stops at once."""
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

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError):  # where a platform can't, the signal stops at once
            loop.add_signal_handler(number, on_signal, number)
    async with Archive.open(path) as archive, progress:
        try:
            summary = await harvest(
                source, archive, stop=stop, refresh=refresh, retry_failed=retry_failed, observers=[progress]
            )
        except WorkflowKitError as error:
            if progress.stored:
                error.add_note(f"{progress.stored:,} instances are stored; run the same command again to go on")
            raise
        except asyncio.CancelledError:
            if not received:
                raise
            say("stopped; run the same command again to go on")
            raise click.exceptions.Exit(128 + received[0]) from None
    if received:
        return summary, 128 + received[0]
    return summary, _SOME_FAILED if summary.failed else 0


def counted(summary: Summary) -> str:
    """Return how many instances were harvested, and what they brought."""
    kinds = (("log", summary.logs), ("task", summary.tasks), ("node", summary.nodes))
    brought = [count_of(number, noun) for noun, number in kinds if number]
    instances = count_of(summary.done, "instance")
    *first, last = brought or [""]
    return f"{instances} with {' and '.join([*filter(None, [', '.join(first)]), last])}" if brought else instances


def describe(summary: Summary, archive: str) -> str:
    """Return what a harvest did, for people."""
    if not summary.done + summary.failed + summary.skipped:
        return f"nothing to do: there are no such instances ({count_of(summary.requests, 'request')})"
    harvested = f"{counted(summary)} harvested into {archive}"
    saved = f", which has saved {count_of(summary.saved, 'request')}" if summary.saved else ""
    lines = [f"{harvested}, {count_of(summary.requests, 'request')}; {summary.skipped:,} were there already{saved}"]
    if summary.failed:
        lines.append(
            f"{summary.failed:,} failed: `workflowkit status {archive}` names them, --retry-failed tries again"
        )
    if summary.stopped:
        lines.append("stopped early: run the same command again to go on")
    return "\n".join(lines)
