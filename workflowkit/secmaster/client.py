"""The client of Huawei Cloud SecMaster."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, Self, Unpack

from .._http.endpoint import Query
from ..arguments import LARGEST_PAGE, check_constant, check_id, check_limit, check_text, check_window
from ..client import Client, Result
from ..errors import ConfigError, InvalidRequest
from ..options import ClientOptions, Options
from ..paginator import Paginator
from ..redact import Environment
from .auth import check_address, make_auth
from .codes import classify
from .credentials import VARIABLES as OF_CREDENTIALS
from .credentials import Credentials, credentials_from_env
from .endpoints import INSTANCE, INSTANCES, TENANT_RATE
from .listing import Listing
from .models import InstancesPage, WorkflowInstance
from .regions import iam_url, secmaster_url
from .source import WorkspaceSource
from .times import write_time

_UUID = "909494e3-558e-46b6-a9eb-07a8e18ca62f"
_FROM_ENV = {
    "region": "SECMASTER_REGION",
    "base_url": "SECMASTER_BASE_URL",
    "project_id": "HUAWEICLOUD_SDK_PROJECT_ID",
    "workspace_id": "SECMASTER_WORKSPACE_ID",
}
VARIABLES: Mapping[str, str] = {**OF_CREDENTIALS, **_FROM_ENV}
"""What sets a client up, and the environment's names for it."""


class SecMasterOptions(ClientOptions, total=False):
    """The options of a `SecMasterClient`."""

    region: str | None
    base_url: str | None
    project_id: str
    workspace_id: str
    tenant: str | None


class SecMasterClient(Client):
    """Reads the workflow instances of one SecMaster workspace. Every call is a read, safe to repeat.

    Args:
        credentials: an `AccessKey`, an `IamPassword` or an `IamToken`.
        region: such as ``"ap-southeast-3"``. All 28 that have SecMaster are known. ``my-kualalumpur-1`` may need
            `base_url` and the IAM endpoint of its operator, under ``alphaedge.tmone.com.my``.
        base_url: any other address, without a path. It wins over the region's, from which tokens still come.
        project_id: the project the workspace belongs to.
        workspace_id: the workspace.
        tenant: whose rate limit it is, by default the project's. It is stored in archives.
        rate: requests per second for the tenant, None for no limit. By default 20, our choice,
            since the vendor publishes none. A refusal that names a limit lowers it.
        timeout: seconds for one attempt, 30 by default.
        max_wait: seconds to wait for the limits at most, then `RateLimited` is raised, unsent. By
            default without end. Getting a token is not in it.
        insecure_http: allow an ``http`` base URL on another machine, False by default.
        transport: ``"httpx"``, ``"aiohttp"`` (less CPU, in the ``speedups`` extra), or ``"auto"``: aiohttp where it is
            installed, else httpx. What mocks httpx, such as respx, needs ``"httpx"``.
        ssl_context: which certificates to trust. By default those of certifi, or of the file that ``SSL_CERT_FILE``,
            ``REQUESTS_CA_BUNDLE`` or ``CURL_CA_BUNDLE`` names.
        retry: when to repeat what failed, by default `RetryPolicy()`.
        observers: called with each telemetry record, none by default.

    Raises:
        ConfigError: an argument can't work. It says which and what to do.

    All calls raise `AuthenticationError`, `PermissionDenied`, `NotFound`, `InvalidRequest`,
    `QuotaExceeded` or `DecodeError` at once, and `RateLimited`, `ServerError` or `TransportError`
    once the retry policy has given up. A refused signature is never tried again. A refused token
    is renewed once, if it came from an `IamPassword`.
    """

    def __init__(
        self,
        credentials: Credentials,
        *,
        region: str | None = None,
        base_url: str | None = None,
        project_id: str,
        workspace_id: str,
        tenant: str | None = None,
        **options: Unpack[ClientOptions],
    ) -> None:
        if not base_url and not region:
            raise ConfigError("region: pass one, such as 'ap-southeast-3', or the service's address as base_url")
        try:
            check_id("project_id", project_id, example=_UUID.replace("-", ""))
            check_id("workspace_id", workspace_id, example=_UUID)
        except InvalidRequest as error:
            raise ConfigError(error.message) from None
        address = (base_url or secmaster_url(str(region))).rstrip("/")
        checked = Options(
            base_url=address,
            tenant=project_id if tenant is None else tenant,
            default_rate=TENANT_RATE,
            vendor_host=iam_url(address) is not None,
            **options,
        )
        check_address("base_url", checked)
        auth = make_auth(credentials, project_id, region, checked)
        super().__init__(system="secmaster", auth=auth, classify=classify, options=checked)
        self._place = {"project_id": project_id, "workspace_id": workspace_id}

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None, **options: Unpack[SecMasterOptions]) -> Self:
        """Return a client set up by the environment, the process's or another. Options given here win.

        Credentials are ``HUAWEICLOUD_SDK_AK`` and ``HUAWEICLOUD_SDK_SK`` (with
        ``HUAWEICLOUD_SDK_SECURITY_TOKEN`` if temporary), or ``SECMASTER_USER``,
        ``SECMASTER_PASSWORD`` and ``SECMASTER_DOMAIN`` (with ``HUAWEICLOUD_SDK_IAM_ENDPOINT`` for
        an IAM of your own), or ``SECMASTER_TOKEN``. Two kinds at once raise `ConfigError`.
        ``HUAWEICLOUD_SDK_PROJECT_ID`` and ``SECMASTER_WORKSPACE_ID`` are required, and
        ``SECMASTER_REGION`` or ``SECMASTER_BASE_URL``.
        """
        environ = Environment(os.environ if environ is None else environ)
        credentials = credentials_from_env(environ)
        found = {option: environ[name] for option, name in _FROM_ENV.items() if environ.get(name)}
        if options.get("region") and "base_url" not in options:
            found.pop("base_url", None)
        settings: Any = {**found, **options}
        for option in ("project_id", "workspace_id"):
            if not settings.get(option):
                raise ConfigError(f"{_FROM_ENV[option]} is not set: export the {option.replace('_', ' ')}")
        if not settings.get("region") and not settings.get("base_url"):
            raise ConfigError("SECMASTER_REGION is not set: export it, such as ap-southeast-3, or SECMASTER_BASE_URL")
        return cls(credentials, **settings)

    async def workflow_instance(self, instance_id: str, *, show_topology: bool = False) -> WorkflowInstance:
        """Return one instance. With `show_topology`, the nodes it has been through as well.

        An unknown id raises an `ApiError` with a code of the vendor's, who documents none for it.
        Vendor path: ``GET /v1/{project_id}/workspaces/{workspace_id}/soc/workflows/instances/{instance_id}``.
        """
        return (await self._instance(instance_id, show_topology=show_topology)).value

    def workflow_instances(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        status: str | None = None,
        trigger_type: str | None = None,
        instance_id: str | None = None,
        name: str | None = None,
        workflow_id: str | None = None,
        playbook_id: str | None = None,
        dataclass_id: str | None = None,
        dataobject_id: str | None = None,
        defense_id: str | None = None,
        limit: int = LARGEST_PAGE,
    ) -> Paginator[WorkflowInstance]:
        """Return the workspace's instances, each once, in ascending order of their creation.

        Await it for all, iterate over it, or walk its `pages`. However many there are: where the
        service's own list ends, at 10,000, the time window is split. Instances that start
        meanwhile join at the end. A workspace without any yields nothing. A cursor is good for
        the same arguments only. What comes right after it may have come right before it.

        Args:
            since: the oldest, an aware time, or all if left out.
            until: the newest, an aware time.
            status: see `Status`.
            trigger_type: see `TriggerType`.
            instance_id: this one only.
            name: the instance's name.
            workflow_id: of this workflow.
            playbook_id: started by this playbook.
            dataclass_id: working on objects of this class.
            dataobject_id: set off by this object.
            defense_id: of this layer of defence.
            limit: instances per request, 1 to 100, never the total. 1 is taken as 2.

        Vendor path: ``GET /v1/{project_id}/workspaces/{workspace_id}/soc/workflows/instances``. The
        vendor doesn't say which of an instance's times the window is about.
        """
        check_limit(limit)
        since, until = _window(since, until)
        filters = {
            "status": status,
            "trigger_type": trigger_type,
            "id": instance_id,
            "name": name,
            "workflow_id": workflow_id,
            "playbook_id": playbook_id,
            "dataclass_id": dataclass_id,
            "dataobject_id": dataobject_id,
            "defence_id": defense_id,  # the filter is spelt so, the field isn't
        }
        wanted: dict[str, str | int | bool] = {key: value for key, value in filters.items() if value is not None}
        for key, value in wanted.items():
            (check_constant if key in ("status", "trigger_type") else check_text)(key, str(value))

        async def fetch_rows(
            since: datetime | None, until: datetime | None, *, offset: int, limit: int
        ) -> Result[InstancesPage]:
            window = {"from_date": since, "to_date": until}
            times = {key: write_time(time) for key, time in window.items() if time is not None}
            query: Query = {**wanted, **times, "offset": offset, "limit": limit, "sort_dir": "ASC"}
            return await self._call(INSTANCES, path=self._place, query=query)

        begin = partial(Listing, fetch_rows, since=since, until=until, limit=limit)
        return Paginator(lambda: begin().fetch, INSTANCES.name)

    def workspace_source(
        self, *, since: datetime | None = None, until: datetime | None = None, topology: bool = False
    ) -> WorkspaceSource:
        """Return a source for `harvest`: the workspace's instances, with `topology` also their nodes.

        The listing alone costs a request for 100 instances, the nodes one more for each instance.
        """
        since, until = _window(since, until)
        listing = self.workflow_instances(since=since, until=until)
        detail = partial(self._instance, show_topology=True) if topology else None
        name = f"workspace {self._place['workspace_id']}"
        for word, time in (("since", since), ("until", until)):
            name += f", {word} {time.isoformat()}" if time else ""
        return WorkspaceSource(name, self._pace(INSTANCE), listing, detail)

    async def _instance(self, instance_id: str, *, show_topology: bool) -> Result[WorkflowInstance]:
        check_id("instance_id", instance_id, example=_UUID)
        path = {**self._place, "instance_id": instance_id}
        query = {"show_topology": True} if show_topology else {}
        return await self._call(INSTANCE, path=path, query=query, item_id=instance_id)


def _window(since: datetime | None, until: datetime | None) -> tuple[datetime | None, datetime | None]:
    """Return a window's ends in UTC. There, unlike within a time zone, an hour that comes twice is two hours."""
    check_window(since, until)
    return since and since.astimezone(UTC), until and until.astimezone(UTC)
