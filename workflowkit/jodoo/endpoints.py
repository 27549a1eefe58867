"""The operations that this client calls, and how the two editions differ in them.

A version belongs to one operation, not to the API. Rates are requests per second, as each
operation's page states: help.jodoo.com/open/N and hc.jiandaoyun.com/open/N with N = 18793 (logs),
16051 (instance), 14220 (records). The tenant's 50 is on /open/11261.
"""

from __future__ import annotations

import attrs

from .._http.endpoint import Endpoint
from .models import AppsPage, FormsPage, LogsPage, RecordsPage, WorkflowInstance


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


JODOO = Edition(
    base_url="https://api.jodoo.com/api",
    tenant_rate=50,
    link_days=6,
    file_host="files.jodoo.com",
    logs=Endpoint(
        name="jodoo.workflow_logs",
        method="POST",
        path="/v1/workflow/instance/logs",
        returns=LogsPage,
        items="logs",
        rate=30,
    ),
    instance=Endpoint(
        name="jodoo.workflow_instance",
        method="POST",
        path="/v4/workflow/instance/get",
        returns=WorkflowInstance,
        items="tasks",
        rate=30,
    ),
    records=Endpoint(
        name="jodoo.form_records",
        method="POST",
        path="/v5/app/entry/data/list",
        returns=RecordsPage,
        items="data",
        rate=5,
    ),
    apps=Endpoint(
        name="jodoo.apps",
        method="POST",
        path="/v5/app/list",
        returns=AppsPage,
        items="apps",
        rate=30,
    ),
    forms=Endpoint(
        name="jodoo.forms",
        method="POST",
        path="/v5/app/entry/list",
        returns=FormsPage,
        items="forms",
        rate=30,
    ),
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
