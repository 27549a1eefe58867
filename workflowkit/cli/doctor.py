"""`workflowkit doctor`: whether what is set up works."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import click

from ..errors import WorkflowKitError
from ..telemetry import RequestDone, Telemetry
from .failures import hints_for
from .loop import run_async
from .options import PATH, as_json, sending
from .output import print_json, print_table
from .settings import check_profile, environ, of_profile, profiles, settings
from .systems import SYSTEMS, System

_TOLERATED = 60.0
"""Seconds that a clock may be off before it is worth a word. Signatures are refused after 15 minutes."""


@attrs.frozen
class _Finding:
    what: str
    ok: bool
    message: str


@click.command()
@of_profile
@click.option("--archive", type=PATH, metavar="PATH", help="Also check that this archive can be read and written.")
@sending
@as_json
def doctor(profile: str | None, *, archive: str | None, as_json: bool, **options: Any) -> int:
    """Check addresses, credentials, clocks, certificates and an archive.

    It sends one request to each system that is configured. It also checks SQLite and the archive's disk.

    \b
    workflowkit doctor
    workflowkit doctor --archive approvals.db
    """

    async def examine() -> list[_Finding]:
        found = [finding for system in SYSTEMS for finding in await _system(system, profile, options)]
        if found or archive is not None:
            found += [_Finding(*each) for each in await asyncio.to_thread(_surroundings, archive)]
        return found + ([] if archive is None else await _archive(Path(archive)))

    check_profile(profile)
    findings = run_async(examine())
    if not findings:
        missing = "nothing is set up: export JODOO_API_KEY, or see --help of `secmaster`"
        findings = [_Finding("settings", ok=False, message=missing)]
    if as_json:
        print_json([attrs.asdict(finding) for finding in findings])
    else:
        rows = [(finding.what, "ok" if finding.ok else "FAILED", finding.message) for finding in findings]
        print_table("", ("", "", ""), rows)
    return int(not all(finding.ok for finding in findings))


async def _system(system: System, profile: str | None, options: dict[str, Any]) -> list[_Finding]:
    """Return what a request finds out, or nothing for a system that isn't set up."""
    is_set_up = profile in profiles().get(system.name, {}) if profile else bool(settings(system, None))
    if not is_set_up:
        return []
    clocks: list[float] = []

    def watch(record: Telemetry) -> None:
        if isinstance(record, RequestDone) and record.ahead is not None:
            clocks.append(record.ahead)

    try:
        given = environ(system, profile) if profile else None
        found = [_Finding(system.name, ok=True, message=await system.check(given, **options, observers=[watch]))]
    except WorkflowKitError as error:
        found = [_Finding(system.name, ok=False, message="; ".join([str(error), *hints_for(error)]))]
    return [*found, *_clock(f"clock of {system.name}", clocks)]


def _clock(name: str, clocks: list[float]) -> Iterator[_Finding]:
    if clocks:
        off = min(clocks, key=abs)
        direction = "ahead of" if off > 0 else "behind"
        right = abs(off) < _TOLERATED
        message = (
            "within 1 minute of the service's" if right else f"{abs(off):.0f} s {direction} the service's: set it right"
        )
        yield _Finding(name, ok=right, message=message)


def _surroundings(archive: str | None) -> list[tuple[str, bool, str]]:
    from .surroundings import certificates, disk_of, sqlite_version

    return [certificates(), sqlite_version(), *([] if archive is None else disk_of(Path(archive)))]


def _place_for(path: Path) -> list[_Finding]:
    """Return whether an archive can be made where there is none."""
    if path.exists():
        return []
    parent = path.absolute().parent
    writable = parent.is_dir() and os.access(parent, os.W_OK)
    message = "isn't there yet; a harvest makes it" if writable else f"can't be made: {parent} can't be written to"
    return [_Finding(str(path), ok=writable, message=message)]


async def _archive(path: Path) -> list[_Finding]:
    from ..archive import Archive

    if to_be_made := await asyncio.to_thread(_place_for, path):
        return to_be_made
    try:
        async with Archive.open(path) as archive:
            counts = await archive.counts()
    except WorkflowKitError as error:
        return [_Finding(str(path), ok=False, message=str(error))]
    left = counts.pending + counts.partial
    message = f"{counts.done:,} harvested, {left:,} pending, {counts.failed:,} could not be read"
    return [_Finding(str(path), ok=True, message=message)]
