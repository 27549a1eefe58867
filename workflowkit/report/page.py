"""The report as one HTML file. It loads nothing, runs nothing, and doesn't grow with the number of rows."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from datetime import tzinfo
from functools import partial
from importlib.resources import files
from typing import Any, Unpack

import attrs

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
_MOST_WEEKS = 53
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

    It is under 100 KB: names are cut and lists are shorter if they have to be. Raises ConfigError if Jinja2 isn't
    installed.
    """
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context  # noqa: PLC0415  # an extra
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
    environment.filters["code"] = lambda text: _marked(text, Markup)
    environment.filters["name"] = pass_context(lambda context, text: _cut(text, context["detail"].name))
    style = files("workflowkit.report").joinpath("page/style.css").read_text("utf-8")
    template = environment.get_template("page.html")
    page = ""
    for detail in _DETAILS:
        page = template.render(
            **_content(report, zone),
            title=title,
            style=Markup(style),  # noqa: S704  # ours, and its hash is in the policy
            style_hash=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
            detail=detail,
        )
        if len(page.encode("utf-8", "replace")) < _MOST_BYTES:
            break
    return page


@attrs.frozen
class _Detail:
    """How much is shown: characters of a name, rows of a table, and steps of a timeline."""

    name: int
    rows: int
    steps: int


_DETAILS = (_Detail(80, 40, 24), _Detail(50, 30, 12), _Detail(30, 20, 8), _Detail(16, 12, 4))
_MOST_BYTES = 100_000


def _content(report: Report, zone: tzinfo | None) -> dict[str, Any]:
    return {
        "report": report,
        "version": __version__,
        "facts": facts(report, zone),
        "notes": list(sentences.notes(report)),
        "headlines": sentences.headlines(report),
        "titles": TITLES,
        "leads": leads(report),
        "shown": [*sections(report), "how"],
        "all_tasks": report.scope.basis == "tasks",
        "with_forms": any(step.form for step in report.waits),
        "measure": "in calendar time" if report.hours is None else f"in working hours ({report.hours})",
        "longest_wait": max((step.p90 or step.median or 0 for step in report.waits), default=0),
        "people": report.people[:_MOST_PEOPLE],
        "heat": heat(report.week),
        "chart": chart(report.weeks[-_MOST_WEEKS:]),
        "definitions": definitions(report, zone) if report.scope.as_of else [],
    }


def _filters(report: Report, zone: tzinfo | None) -> dict[str, Any]:
    return {
        "number": number,
        "average": average,
        "share": lambda value: "" if value is None else share(value),
        "count": count_of,
        "took": partial(duration, day=report.day),
        "calendar": duration,
        "percent": percent,
        "day": partial(day_of, zone=zone),
        "minute": partial(minute_of, zone=zone),
        "cut": partial(_cut, most=_LONGEST_TEXT),
        "outcome": outcome,
        "kind": kind,
        "left": left,
        "width": width,
    }


def _cut(text: str | None, most: int) -> str:
    return "" if text is None else text if len(text) <= most else f"{text[: most - 1]}\u2026"


def _marked(text: str, markup: Any) -> Any:
    """Return a text in which what is between backticks is code."""
    parts = enumerate(text.split("`"))
    return markup("").join(markup("<code>{}</code>").format(part) if number % 2 else part for number, part in parts)
