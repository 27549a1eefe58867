"""The client of Jodoo and 简道云."""

from __future__ import annotations

import os
from collections.abc import AsyncIterable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Self, Unpack
from urllib.parse import urlsplit

from .._decode.document import JSON
from .._http import is_loopback
from .._http.endpoint import Endpoint
from ..arguments import LARGEST_PAGE, check_id, check_limit, check_names
from ..auth import BearerKey
from ..client import Client, Result
from ..errors import ConfigError, InvalidRequest
from ..options import ClientOptions, Options
from ..paginator import Cursor, Page, Paginator, page_of
from ..redact import Environment, Secret
from .codes import classify
from .endpoints import EDITIONS
from .filters import check_filter
from .forms import FormSource
from .models import App, FieldsPage, Form, FormField, FormRecord, WorkflowInstance, WorkflowLog
from .source import LogSource, Reading

VARIABLES: Mapping[str, str] = {
    "api_key": "JODOO_API_KEY",
    "base_url": "JODOO_BASE_URL",
    "edition": "JODOO_EDITION",
    "tenant": "JODOO_TENANT",
}
"""What sets a client up, and the environment's names for it."""


class JodooOptions(ClientOptions, total=False):
    """The options of a `JodooClient`."""

    edition: str
    base_url: str | None
    tenant: str


class JodooClient(Client):
    """Reads workflow instances and their logs. Every call is a read, safe to repeat.

    Args:
        api_key: as the open platform's console shows it, without ``Bearer``.
        edition: ``"jodoo"`` or ``"jiandaoyun"``: they differ in address, versions and rates.
        base_url: of a private deployment, up to and including ``/api``.
        tenant: a name for the company whose key it is. Two companies in one process need two.
        rate: requests per second for the tenant, None for no limit. By default what the vendor
            documents: 50, and per operation 30 (records on Jodoo: 5).
        timeout: seconds for one attempt, 30 by default.
        max_wait: seconds to wait for the limits at most, then `RateLimited` is raised, unsent. By default without end.
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
    once the retry policy has given up. Cancelling one closes its connection and frees its place.
    """

    def __init__(
        self,
        api_key: str,
        *,
        edition: str = "jodoo",
        base_url: str | None = None,
        tenant: str = "default",
        **options: Unpack[ClientOptions],
    ) -> None:
        api_key = Secret(api_key or "")
        if edition not in EDITIONS:
            raise ConfigError(f"edition={edition!r}: pass one of {', '.join(map(repr, EDITIONS))}")
        self._edition = EDITIONS[edition]
        address = base_url or self._edition.base_url
        checked = Options(
            base_url=address,
            tenant=tenant,
            default_rate=self._edition.tenant_rate,
            vendor_host=address.startswith(tuple(each.base_url for each in EDITIONS.values())),
            **options,
        )
        super().__init__(system="jodoo", auth=BearerKey(api_key), classify=classify, options=checked)

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None, **options: Unpack[JodooOptions]) -> Self:
        """Return a client set up by the environment, the process's or another. Options given here win.

        ``JODOO_API_KEY`` is required. ``JODOO_BASE_URL``, ``JODOO_EDITION`` and ``JODOO_TENANT`` are not.
        """
        environ = Environment(os.environ if environ is None else environ)
        key = Secret(environ.get(VARIABLES["api_key"], ""))
        if not key:
            raise ConfigError(
                "JODOO_API_KEY is not set: export it (a key is made in the console under Open Platform > API Key), "
                "or start `workflowkit sandbox` and export the lines it prints"
            )
        found: Any = {option: environ[name] for option, name in VARIABLES.items() if environ.get(name)}
        del found["api_key"]
        return cls(key, **{**found, **options})

    def workflow_logs(
        self,
        instance_id: str,
        *,
        types: Sequence[str] = ("comment",),
        skip: int = 0,
        limit: int = LARGEST_PAGE,
        exhaustive: bool = False,
    ) -> Paginator[WorkflowLog]:
        """Return an instance's log: the tasks that carry an approval comment.

        Await it for all, iterate over it, or walk its `pages`. A page's cursor is the number of
        logs up to its end. The vendor documents no order. Oldest first is assumed.
        An instance without comments yields nothing. An unknown one raises `NotFound`.

        Args:
            instance_id: the workflow instance's id, which is its form record's id.
            types: kinds of log. Only ``"comment"`` is documented.
            skip: how many logs to leave out at the beginning.
            limit: logs per request, 1 to 100, never the total.
            exhaustive: continue until a page is empty. Otherwise one shorter than the limit is taken
                for the last, which no page of the vendor's says.

        Vendor path: ``POST /v1/workflow/instance/logs``, 30 requests/s.
        """
        check_id("instance_id", instance_id)
        check_names("types", types, '["comment"]')
        if not isinstance(skip, int) or skip < 0:
            raise ConfigError(f"skip={skip!r}: pass 0 or more")
        hint = f'types={list(types)!r}: only "comment" is documented' if set(types) - {"comment"} else None
        body = {"instance_id": instance_id, "types": list(types)}
        return self._skipping(
            self._edition.logs,
            body,
            skip=skip,
            limit=limit,
            least=1 if exhaustive else limit,
            item_id=instance_id,
            hint=hint,
        )

    async def workflow_instance(self, instance_id: str, *, tasks: bool = False) -> WorkflowInstance:
        """Return one instance. With `tasks`, every task it has been through, commented or not.

        An unknown id raises `NotFound`. Sub-workflows, plug-in and CC nodes are not in it.
        Vendor path: ``POST /v4/workflow/instance/get`` (简道云: v6), 30 requests/s.
        """
        return (await self._instance(instance_id, tasks=tasks)).value

    async def _instance(self, instance_id: str, *, tasks: bool) -> Result[WorkflowInstance]:
        check_id("instance_id", instance_id)
        body = {"instance_id": instance_id, "tasks_type": int(tasks)}
        return await self._call(self._edition.instance, body, item_id=instance_id)

    def form_records(
        self,
        app_id: str,
        entry_id: str,
        *,
        fields: Sequence[str] | None = None,
        filter: Mapping[str, JSON] | None = None,
        limit: int = LARGEST_PAGE,
    ) -> Paginator[FormRecord]:
        """Return a form's records in ascending order of their ids, which are instance ids.

        A page's cursor is the id of its last record. A form without records yields nothing.

        Args:
            app_id: the app the form belongs to, see `apps`.
            entry_id: the form, see `forms`.
            fields: names of the form fields to return, or all if left out. Records then have id, app, form and these
                fields only: `flow_state` may be None although the record has one.
            filter: a condition as the vendor defines it, for instance
                ``{"rel": "and", "cond": [{"field": "flowState", "type": "flowstate", "method": "eq", "value": [1]}]}``.
                The service ignores what it doesn't understand in it, and returns the whole form. So its shape, the
                methods and the values of flowState are checked before anything is sent.
            limit: records per request, 1 to 100.

        Vendor path: ``POST /v5/app/entry/data/list``, 5 requests/s (简道云: 30).
        """
        check_id("app_id", app_id)
        check_id("entry_id", entry_id)
        check_limit(limit)
        body: dict[str, Any] = {"app_id": app_id, "entry_id": entry_id, "limit": limit}
        if fields is not None:
            check_names("fields", fields, '["_widget_1508400000001"]')
            body["fields"] = list(fields)
        if filter is not None:
            check_filter(filter)
            body["filter"] = filter

        async def fetch(cursor: Cursor | None) -> Page[FormRecord]:
            after = {} if cursor is None else {"data_id": cursor}
            result = await self._call(self._edition.records, {**body, **after}, item_id=entry_id)
            records = result.value.data
            return page_of(result, records[-1].id if len(records) >= limit else None)

        return Paginator(lambda: fetch, f"{self._edition.records.name} of {entry_id}")

    def apps(self, *, limit: int = LARGEST_PAGE) -> Paginator[App]:
        """Return the apps that the key may see. Vendor path: ``POST /v5/app/list``, 30 requests/s."""
        return self._skipping(self._edition.apps, {}, limit=limit)

    def forms(self, app_id: str, *, limit: int = LARGEST_PAGE) -> Paginator[Form]:
        """Return an app's forms. Vendor path: ``POST /v5/app/entry/list``, 30 requests/s."""
        check_id("app_id", app_id)
        return self._skipping(self._edition.forms, {"app_id": app_id}, limit=limit, item_id=app_id)

    async def form_fields(self, app_id: str, entry_id: str) -> list[FormField]:
        """Return a form's fields, in the form's order. They tell the labels of what `form_records` returns.

        Vendor path: ``POST /v5/app/entry/widget/list``, 30 requests/s.
        """
        return list((await self._fields(app_id, entry_id)).value.widgets)

    async def _fields(self, app_id: str, entry_id: str) -> Result[FieldsPage]:
        check_id("app_id", app_id)
        check_id("entry_id", entry_id)
        return await self._call(self._edition.fields, {"app_id": app_id, "entry_id": entry_id}, item_id=entry_id)

    def log_source(
        self, instance_ids: Iterable[str] | AsyncIterable[str], *, tasks: bool = False, exhaustive: bool = False
    ) -> LogSource:
        """Return a source for `harvest`: the logs of these instances, of any number.

        Raises ConfigError, here or while harvesting, for what can't be an id.

        Args:
            instance_ids: read once, as they are needed.
            tasks: also keep all tasks, commented or not: one request more for each instance.
            exhaustive: as for `workflow_logs`: at least one request more for each instance.
        """
        if isinstance(instance_ids, str):
            raise ConfigError(f"instance_ids={instance_ids!r}: pass a list of ids, not one")
        return LogSource(self._reading(tasks=tasks, exhaustive=exhaustive), instance_ids)

    def form_source(
        self, app_id: str, entry_id: str | None = None, *, tasks: bool = False, exhaustive: bool = False
    ) -> FormSource:
        """Return a source for `harvest`: the logs of a form's records, or of all forms of an app.

        The harvest also keeps the records, the names of the forms and the labels of their fields. `tasks` and
        `exhaustive` are those of `log_source`. Listing costs a request for 100 records, one more for each
        form, and one for 100 forms.
        """
        check_id("app_id", app_id)
        if entry_id is not None:
            check_id("entry_id", entry_id)
        reading = self._reading(tasks=tasks, exhaustive=exhaustive)
        return FormSource(reading, app_id, entry_id, forms=self.forms, records=self.form_records, fields=self._fields)

    def _reading(self, *, tasks: bool, exhaustive: bool) -> Reading:
        """Return how a source reads instances."""
        own = urlsplit(self.address).netloc
        return Reading(
            pace=self._pace(self._edition.logs, *((self._edition.instance,) if tasks else ())),
            link_days=self._edition.link_days,
            file_hosts=(self._edition.file_host, *((own,) if is_loopback(self.address) else ())),
            requests_each=1 + tasks + exhaustive,
            logs=partial(self.workflow_logs, exhaustive=exhaustive),
            instance=partial(self._instance, tasks=True) if tasks else None,
        )

    def _skipping(
        self,
        endpoint: Endpoint[Any],
        body: Mapping[str, Any],
        *,
        limit: int,
        least: int | None = None,
        skip: int = 0,
        item_id: str | None = None,
        hint: str | None = None,
    ) -> Paginator[Any]:
        """Return a listing by skip and limit. A refusal of its arguments is given the hint.

        It continues after pages of at least so many items. By default, after whole ones.
        """
        check_limit(limit)

        async def fetch(cursor: Cursor | None) -> Page[Any]:
            start = skip if cursor is None else _as_skip(cursor)
            try:
                result = await self._call(endpoint, {**body, "skip": start, "limit": limit}, item_id=item_id)
            except InvalidRequest as error:
                error.hint = hint
                raise
            found = len(result.items)
            return page_of(result, start + found if found >= (least or limit) else None)

        return Paginator(lambda: fetch, f"{endpoint.name} of {item_id}" if item_id else endpoint.name)


def _as_skip(cursor: Cursor) -> int:
    if not isinstance(cursor, int) or cursor < 0:
        raise ConfigError(f"cursor {cursor!r}: this listing's cursors are numbers, as its pages name them")
    return cursor
