"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import click

from ..redact import redact_url

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def together(*options: Decorator) -> Decorator:
    """Return what adds several options to a command, in this order."""

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
        return command

    return add


class _Path(click.Path):
    """A path; a URL, which may hold a password, is refused and not shown."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path as it was typed."""
        if "://" in str(value):
            self.fail(f"{redact_url(str(value))} is a URL: pass a path", param, ctx)
        return value


PATH = _Path()


def _rate(ctx: click.Context, param: click.Parameter, value: str) -> float | str | None:
    """Return the number, None for ``none``."""
    if value in {"none", "default"}:
        return None if value == "none" else value
    try:
        rate = float(value)
    except ValueError:
        rate = 0
    if not 0 < rate < float("inf"):
        raise click.BadParameter(f"{value!r} is not a number of requests per second above 0, nor none", ctx, param)
    return rate


sending: Decorator = together(
    click.option(
        "--rate",
        metavar="N",
        callback=_rate,
        default="default",
        help="Most requests per second, or none; by default what Jodoo documents, for SecMaster 20, our choice.",
    ),
    click.option(
        "--transport",
        type=click.Choice(["auto", "httpx", "aiohttp"]),
        default="auto",
        help="What sends the requests; by default aiohttp where it is installed, else httpx.",
    ),
    click.option(
        "--insecure-http",
        is_flag=True,
        help="Allow an http:// address on another machine; anyone on the way can read the key.",
    ),
)
"""The options of every command that talks to a service."""


def _time(ctx: click.Context, param: click.Parameter, value: str | None) -> datetime | None:
    """Return an aware datetime for ISO 8601 or SecMaster's own form; without a zone it is UTC."""
    if value is None:
        return None
    try:
        time = datetime.fromisoformat(value.replace("Z+", "+"))
    except ValueError:
        problem = f"{value!r} is no time such as 2025-07-18 or 2025-07-18T15:11:04+08:00"
        raise click.BadParameter(problem, ctx, param) from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


window: Decorator = together(
    click.option(
        "--since",
        metavar="T",
        callback=_time,
        help="No older ones, such as 2025-07-18 or 2025-07-18T15:11:04+08:00; UTC where T doesn't say.",
    ),
    click.option("--until", metavar="T", callback=_time, help="No newer ones."),
)
"""``--since`` and ``--until``."""

again: Decorator = together(
    click.option("--refresh", is_flag=True, help="Take up instances that are done as well."),
    click.option("--retry-failed", is_flag=True, help="Take up instances that failed in an earlier run."),
)
"""What to take up besides what is to do."""

attaching: Decorator = together(
    click.option(
        "--attachments", type=PATH, metavar="DIR", help="Also save the files behind attachments and signatures."
    ),
    click.option(
        "--file-host",
        "file_hosts",
        metavar="HOST",
        multiple=True,
        help="A host that links to files may lead to, besides the vendor's; repeat it for several.",
    ),
)
"""Whether and from where files are saved."""

as_json: Decorator = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
"""``--json``."""
