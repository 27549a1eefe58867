"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
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
    """A path. A URL, which may hold a password, is refused and not shown."""

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
        help="Requests per second, or none. Default: the documented rate of Jodoo; 20 for SecMaster.",
    ),
    click.option(
        "--transport",
        type=click.Choice(["auto", "httpx", "aiohttp"]),
        default="auto",
        help="HTTP library. Default: aiohttp if it is installed, else httpx.",
    ),
    click.option(
        "--insecure-http",
        is_flag=True,
        help="Allow http:// for another machine. The network can then read the key.",
    ),
)
"""The options of every command that talks to a service."""


again: Decorator = together(
    click.option("--refresh", is_flag=True, help="Read harvested instances again."),
    click.option("--retry-failed", is_flag=True, help="Read instances again that could not be read in an earlier run."),
)
"""What to take up besides what is to do."""

attaching: Decorator = together(
    click.option("--attachments", type=PATH, metavar="DIR", help="Save attachments and signatures into this folder."),
    click.option(
        "--file-host",
        "file_hosts",
        metavar="HOST",
        multiple=True,
        help="Allow file links to this host, too. Repeat it for several hosts.",
    ),
)
"""Whether and from where files are saved."""

as_json: Decorator = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
"""``--json``."""
