"""The operations that this client calls, and how the two editions differ in them.

A version belongs to one operation, not to the API. Rates are requests per second, as each
operation's page states: help.jodoo.com/open/N and hc.jiandaoyun.com/open/N with N = 18793 (logs),
16051 (instance), 14220 (records), 14216 (fields). The tenant's 50 is on /open/11261.
"""

from __future__ import annotations

from typing import TypeVar

import attrs

from .._decode.model import Model
from .._http.endpoint import Endpoint
from .models import AppsPage, FieldsPage, FormsPage, LogsPage, RecordsPage, WorkflowInstance

M = TypeVar("M", bound=Model)


@attrs.frozen(kw_only=True)
class Edition:
    """One of the two services that share this API."""

    base_url: str
    tenant_rate: float
    link_days: int
    file_host: str
    logs: Endpoint[LogsPage]
    instance: Endpoint[WorkflowInstance]
    records: Endpoint[RecordsPage]
    apps: Endpoint[AppsPage]
    forms: Endpoint[FormsPage]
    fields: Endpoint[FieldsPage]


def _post(name: str, path: str, returns: type[M], items: str, rate: float) -> Endpoint[M]:
    return Endpoint(name=f"jodoo.{name}", method="POST", path=path, returns=returns, items=items, rate=rate)


JODOO = Edition(
    base_url="https://api.jodoo.com/api",
    tenant_rate=50,
    link_days=6,
    file_host="files.jodoo.com",
    logs=_post("workflow_logs", "/v1/workflow/instance/logs", LogsPage, "logs", 30),
    instance=_post("workflow_instance", "/v4/workflow/instance/get", WorkflowInstance, "tasks", 30),
    records=_post("form_records", "/v5/app/entry/data/list", RecordsPage, "data", 5),
    apps=_post("apps", "/v5/app/list", AppsPage, "apps", 30),
    forms=_post("forms", "/v5/app/entry/list", FormsPage, "forms", 30),
    fields=_post("form_fields", "/v5/app/entry/widget/list", FieldsPage, "widgets", 30),
)

JIANDAOYUN = attrs.evolve(
    JODOO,
    base_url="https://api.jiandaoyun.com/api",
    link_days=15,
    file_host="files.jiandaoyun.com",
    instance=attrs.evolve(JODOO.instance, path="/v6/workflow/instance/get"),
    records=attrs.evolve(JODOO.records, rate=30),
)

EDITIONS = {"jodoo": JODOO, "jiandaoyun": JIANDAOYUN}
