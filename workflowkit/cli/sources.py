"""What `harvest` and `plan` are about: options that choose sources, and the clients that read them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

import click

from .ids import open_ids
from .options import PATH, Decorator, together, window
from .refusals import open_secmaster
from .settings import environ, settings

if TYPE_CHECKING:
    from ..source import Source

_profile = click.option(
    "--profile",
    "profiles",
    metavar="NAME",
    multiple=True,
    help="Use this profile of the configuration file. Repeat it for several companies.",
)


of_jodoo: Decorator = together(
    click.option("--ids", type=PATH, metavar="FILE", help="File of instance ids, one per line. - is stdin."),
    click.option("--app", metavar="APP", help="All workflow forms of an app."),
    click.option("--form", metavar="ENTRY", help="Only this form of the app."),
    click.option(
        "--with",
        "extra",
        type=click.Choice(["tasks"]),
        multiple=True,
        help="Also store all tasks. One extra request per instance.",
    ),
    click.option(
        "--exhaustive", is_flag=True, help="Keep requesting pages until one is empty. One extra request per instance."
    ),
    _profile,
)
"""What chooses instances of Jodoo."""

of_secmaster: Decorator = together(
    window,
    click.option("--topology", is_flag=True, help="Also store all nodes. One extra request per instance."),
    _profile,
)
"""What chooses instances of SecMaster."""


@asynccontextmanager
async def jodoo_sources(
    *,
    ids: str | None,
    app: str | None,
    form: str | None,
    extra: Sequence[str],
    exhaustive: bool,
    profiles: Sequence[str],
    **options: Any,
) -> AsyncIterator[list[Source]]:
    """Open a client for each profile, and give what is to be read with it."""
    from ..jodoo import JodooClient

    wanted = {"tasks": "tasks" in extra, "exhaustive": exhaustive}
    chosen: list[dict[str, str | None]] = []
    for profile in profiles or (None,):
        own = {} if profile is None else settings("jodoo", profile)
        theirs = {name: own[name].value if name in own else None for name in ("app", "form")}
        chosen.append({"app": app, "form": form} if app or ids else theirs)
        if (ids is None) == (chosen[-1]["app"] is None):
            raise click.UsageError("pass either --ids FILE or --app APP")
    if form is not None and app is None:
        raise click.UsageError("--form ENTRY needs --app APP, or a profile that names both")
    if ids is not None and len(profiles) > 1:
        raise click.UsageError("--ids FILE goes with one --profile: ids belong to one company")
    async with AsyncExitStack() as stack:
        sources: list[Source] = []
        for profile, what in zip(profiles or (None,), chosen, strict=True):
            given = None if profile is None else environ("jodoo", profile)
            client = await stack.enter_async_context(JodooClient.from_env(given, **options))
            if ids is not None:
                sources.append(client.log_source(open_ids(ids), **wanted))
            else:
                sources.append(client.form_source(str(what["app"]), what["form"], **wanted))
        yield sources


@asynccontextmanager
async def secmaster_sources(
    *, since: Any, until: Any, topology: bool, profiles: Sequence[str], **options: Any
) -> AsyncIterator[list[Source]]:
    """Open a client for each profile, and give what is to be read with it."""
    async with AsyncExitStack() as stack:
        sources: list[Source] = []
        for profile in profiles or (None,):
            given = None if profile is None else environ("secmaster", profile)
            client = await stack.enter_async_context(open_secmaster(given, **options))
            sources.append(client.workspace_source(since=since, until=until, topology=topology))
        yield sources
