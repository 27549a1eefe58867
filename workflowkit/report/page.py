"""The report as one HTML file. It loads nothing, runs nothing, and doesn't grow with the number of rows."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from datetime import tzinfo
from functools import partial
from importlib.resources import files
from typing import Any, Unpack

from .. import __version__
from ..archive import Archive
from ..errors import ConfigError
from ..export.target import opened, resolve
from ..redact import redact_url
from . import sentences
from .analysis import Chosen, analyse
from .drawing import chart, heat, left, percent, width
from .figures import Report
from .outline import TITLES, definitions, facts, leads, sections, title_of
from .wording import average, count_of, day_of, duration, kind, minute_of, number, outcome, share, visible

_MOST_PEOPLE = 20
_MOST_WEEKS = 104
_MOST_STEPS = 12
_LONGEST_TEXT = 160


async def write_page(archive: Archive, to: str, *, title: str | None = None, **chosen: Unpack[Chosen]) -> Report:
    """Write the report of an archive to an HTML file, and return its figures. ``-`` is stdout.

    The file appears under its name when it is complete. Options are those of `analyse`.

    Raises:
        ConfigError: the name doesn't end in .html, is that of the archive, or Jinja2 isn't installed.
        HarvestError: the archive can't be read, or the file can't be written.
    """
    if to != "-" and not to.lower().endswith((".html", ".htm")):
        raise ConfigError(f"{redact_url(to)!r}: a report is a page; name a file that ends in .html")
    target = None if to == "-" else await asyncio.to_thread(resolve, to, archive.path)
    async with opened(target) as stream:
        report = await analyse(archive, **chosen)
        title = title or title_of(report, archive.path.name)
        page = await asyncio.to_thread(render, report, zone=chosen.get("zone"), title=title)
        await asyncio.to_thread(stream.write, page.encode("utf-8"))
    return report


def render(report: Report, *, zone: tzinfo | None, title: str) -> str:
    """Return the page, with times in the zone: None is the local one. It reads files: call it in a thread.

    Raises ConfigError if Jinja2 isn't installed.
    """
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415  # an extra
        from markupsafe import Markup  # noqa: PLC0415
    except ImportError:
        raise ConfigError("the report's page needs Jinja2: pip install 'workflowkit[cli]'") from None
    environment = Environment(
        loader=PackageLoader("workflowkit.report", "page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: visible(value) if type(value) is str else value,
    )
    environment.filters |= _filters(report, zone)
    style = files("workflowkit.report").joinpath("page/style.css").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    page = environment.get_template("page.html")
    return page.render(
        report=report,
        title=title,
        version=__version__,
        style=Markup(style),  # noqa: S704  # ours, and its hash is in the policy
        style_hash=digest,
        facts=list(facts(report, zone)),
        notes=[_marked(note, Markup) for note in sentences.notes(report)],
        headlines=sentences.headlines(report),
        titles=TITLES,
        leads=leads(report),
        shown=[*sections(report), "how"],
        all_tasks=report.scope.basis == "tasks",
        with_forms=any(step.form for step in report.waits),
        measure="in calendar time" if report.hours is None else f"in working hours ({report.hours})",
        longest_wait=max((step.p90 or 0 for step in report.waits), default=0),
        people=report.people[:_MOST_PEOPLE],
        heat=heat(report.week),
        chart=chart(report.weeks[-_MOST_WEEKS:]),
        most_steps=_MOST_STEPS,
        definitions=definitions(report, zone) if report.scope.as_of else [],
    )


def _marked(text: str, markup: type[Markup]) -> Markup:
    """Return a text in which what is between backticks is code."""
    parts = [
        markup("<code>{}</code>").format(part) if number % 2 else part for number, part in enumerate(text.split("`"))
    ]
    return markup("").join(parts)


def _filters(report: Report, zone: tzinfo | None) -> dict[str, Any]:
    return {
        "number": number,
        "average": average,
        "share": share,
        "count": count_of,
        "took": partial(duration, day=report.day),
        "calendar": duration,
        "percent": percent,
        "day": partial(day_of, zone=zone),
        "minute": partial(minute_of, zone=zone),
        "cut": lambda text: text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}...",
        "outcome": outcome,
        "kind": kind,
        "left": left,
        "width": width,
    }
