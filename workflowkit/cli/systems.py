"""What each vendor brings to the command line: one row of `SYSTEMS`, over which commands loop."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

import attrs
import click

from ..errors import AuthenticationError, NotFound, PermissionDenied, WorkflowKitError
from .ids import open_ids
from .options import PATH, Decorator, attaching, together
from .output import count_of
from .times import window

if TYPE_CHECKING:
    from ..archive.verify import Reread
    from ..source import Source


@attrs.frozen
class Account:
    """Who reads: a profile of the configuration file, or by default what the environment says.

    Attributes:
        environ: returns the variables that set a client up, None for those of the process. It may run a command.
        chosen: what the profile says of the instances to read.
    """

    environ: Callable[[], Mapping[str, str] | None] = lambda: None
    chosen: Mapping[str, str | None] = attrs.Factory(dict)


Open = Callable[..., AbstractAsyncContextManager["list[Source]"]]
"""Opens a client for each account, and gives what is to be read with it."""


@attrs.frozen(kw_only=True)
class System:
    """A vendor's service.

    Attributes:
        name: of its commands, and in archives.
        harvest: what `harvest` says of it, with examples.
        plan: what `plan` says of it, with examples.
        environment: the variables that set it up, for `--help`.
        variables: returns its settings, and the variables that hold them.
        chosen: further settings of a profile: what it reads.
        secret_of: returns which setting the secret of a profile is.
        choosing: the options that choose its instances.
        open_sources: opens what these options choose.
        check: sends one request, and returns what that shows.
        readers: returns how rows are made anew from their raw JSON, by table.
        hints: what to do about an error, where neither the service's own words nor the error's say.
    """

    name: str
    harvest: str
    plan: str
    environment: str
    variables: Callable[[], Mapping[str, str]]
    chosen: frozenset[str] = frozenset()
    secret_of: Callable[[Mapping[str, Any]], str]
    choosing: Decorator
    open_sources: Open
    check: Callable[..., Awaitable[str]]
    readers: Callable[[], Mapping[str, Reread]]
    hints: Mapping[type[WorkflowKitError], str]


_profiles = click.option(
    "--profile",
    "profiles",
    metavar="NAME",
    multiple=True,
    help="Use this profile of the configuration file. Repeat it for several companies.",
)


@asynccontextmanager
async def _jodoo_sources(
    accounts: Sequence[Account],
    *,
    ids: str | None,
    app: str | None,
    form: str | None,
    extra: Sequence[str],
    exhaustive: bool,
    **options: Any,
) -> AsyncIterator[list[Source]]:
    from ..jodoo import JodooClient

    wanted = {"tasks": "tasks" in extra, "exhaustive": exhaustive}
    chosen = [{"app": app, "form": form} if app or ids else account.chosen for account in accounts]
    if any((ids is None) == (what.get("app") is None) for what in chosen):
        raise click.UsageError("pass either --ids FILE or --app APP")
    if form is not None and app is None:
        raise click.UsageError("--form ENTRY needs --app APP, or a profile that names both")
    if ids is not None and len(accounts) > 1:
        raise click.UsageError("--ids FILE goes with one --profile: ids belong to one company")
    async with AsyncExitStack() as stack:
        sources: list[Source] = []
        for account, what in zip(accounts, chosen, strict=True):
            client = await stack.enter_async_context(JodooClient.from_env(account.environ(), **options))
            if ids is not None:
                sources.append(client.log_source(open_ids(ids), **wanted))
            else:
                sources.append(client.form_source(str(what["app"]), what.get("form"), **wanted))
        yield sources


async def _check_jodoo(given: Mapping[str, str] | None, **options: Any) -> str:
    from ..jodoo import JodooClient

    async with JodooClient.from_env(given, **options) as client:
        apps = await anext(aiter(client.apps().pages()))
        return f"{client.address} answers; the key sees {count_of(len(apps.items), 'app')}"


def _jodoo_variables() -> Mapping[str, str]:
    from ..jodoo.client import VARIABLES

    return VARIABLES


def _jodoo_readers() -> Mapping[str, Reread]:
    from ..jodoo.source import READERS

    return READERS


@asynccontextmanager
async def _secmaster_sources(
    accounts: Sequence[Account], *, since: Any, until: Any, topology: bool, **options: Any
) -> AsyncIterator[list[Source]]:
    from .refusals import open_secmaster

    async with AsyncExitStack() as stack:
        sources: list[Source] = []
        for account in accounts:
            client = await stack.enter_async_context(open_secmaster(account.environ(), **options))
            sources.append(client.workspace_source(since=since, until=until, topology=topology))
        yield sources


async def _check_secmaster(given: Mapping[str, str] | None, **options: Any) -> str:
    from .refusals import open_secmaster

    async with open_secmaster(given, **options) as client:
        page = await anext(aiter(client.workflow_instances(limit=2).pages()))
        return f"{client.address} answers; the workspace has {'instances' if page.items else 'no instances yet'}"


def _secmaster_variables() -> Mapping[str, str]:
    from ..secmaster.client import VARIABLES

    return VARIABLES


def _secmaster_readers() -> Mapping[str, Reread]:
    from ..secmaster.source import READERS

    return READERS


JODOO = System(
    name="jodoo",
    harvest="""Harvest the logs of Jodoo (简道云) instances.

    \b
    workflowkit harvest jodoo --app 6573f1c2a9d4e80007b1c001 --archive approvals.db
    workflowkit harvest jodoo --ids ids.txt --archive approvals.db --attachments files
    """,
    plan="""Plan a harvest of Jodoo (简道云) instances. This lists the apps and forms, within the rate limit.

    \b
    workflowkit plan jodoo --ids ids.txt
    workflowkit plan jodoo --app 6573f1c2a9d4e80007b1c001 --archive approvals.db
    """,
    environment="""\b
Environment:
  JODOO_API_KEY    required
  JODOO_BASE_URL   of a private deployment, up to and including /api
  JODOO_EDITION    jodoo (the default) or jiandaoyun
  JODOO_TENANT     name of the company, if one process or archive has several
""",
    variables=_jodoo_variables,
    chosen=frozenset(("app", "form")),
    secret_of=lambda _: "api_key",
    choosing=together(
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
            "--exhaustive",
            is_flag=True,
            help="Keep requesting pages until one is empty. One extra request per instance.",
        ),
        _profiles,
        attaching,
    ),
    open_sources=_jodoo_sources,
    check=_check_jodoo,
    readers=_jodoo_readers,
    hints={
        AuthenticationError: "check JODOO_API_KEY, and that JODOO_EDITION or JODOO_BASE_URL is that of the key",
        NotFound: "check the id, and that it belongs to the company of JODOO_API_KEY",
    },
)

SECMASTER = System(
    name="secmaster",
    harvest="""Harvest the workflow instances of a Huawei Cloud SecMaster workspace.

    \b
    workflowkit harvest secmaster --topology --archive soc.db
    workflowkit harvest secmaster --since 2025-07-01 --until 2025-08-01 --archive soc.db
    """,
    plan="""Plan a harvest of a SecMaster workspace. This lists the workspace, within the rate limit.

    \b
    workflowkit plan secmaster --topology --archive soc.db
    """,
    environment="""\b
Environment, a line of each is required:
  HUAWEICLOUD_SDK_AK and _SK (signs each request; _SECURITY_TOKEN if they are temporary),
    or SECMASTER_USER, _PASSWORD and _DOMAIN (gets tokens and renews them),
    or SECMASTER_TOKEN (valid for 24 hours, not renewed)
  HUAWEICLOUD_SDK_PROJECT_ID and SECMASTER_WORKSPACE_ID
  SECMASTER_REGION, such as ap-southeast-3, or SECMASTER_BASE_URL
  HUAWEICLOUD_SDK_IAM_ENDPOINT, optional: an IAM of your own
""",
    variables=_secmaster_variables,
    secret_of=lambda table: "sk" if "ak" in table else "password" if "user" in table else "token",
    choosing=together(
        window,
        click.option("--topology", is_flag=True, help="Also store all nodes. One extra request per instance."),
        _profiles,
    ),
    open_sources=_secmaster_sources,
    check=_check_secmaster,
    readers=_secmaster_readers,
    hints={
        NotFound: "check the id, and that it belongs to SECMASTER_WORKSPACE_ID",
        PermissionDenied: "check SECMASTER_WORKSPACE_ID, and what these credentials may see",
    },
)

SYSTEMS: tuple[System, ...] = (JODOO, SECMASTER)
"""The services that commands know, in the order in which they are listed."""


def system_of(name: str) -> System | None:
    """Return the system of that name, None for one that isn't known."""
    return next((system for system in SYSTEMS if system.name == name), None)
