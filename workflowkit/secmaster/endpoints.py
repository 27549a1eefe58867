"""The operations that this client calls. The vendor publishes no rate for them."""

from __future__ import annotations

from .._http.endpoint import Endpoint
from .models import InstancesPage, WorkflowInstance

TENANT_RATE = 20.0
"""Requests per second per project: our choice. A refusal that names a limit lowers it."""

_INSTANCES = "/v1/{project_id}/workspaces/{workspace_id}/soc/workflows/instances"
_CONTENT_TYPE = "application/json;charset=UTF-8"

INSTANCE = Endpoint(
    name="secmaster.workflow_instance",
    method="GET",
    path=f"{_INSTANCES}/{{instance_id}}",
    returns=WorkflowInstance,
    items="topology.audit_logs",
    rate=None,
    content_type=_CONTENT_TYPE,
)

INSTANCES = Endpoint(
    name="secmaster.workflow_instances",
    method="GET",
    path=_INSTANCES,
    returns=InstancesPage,
    items="instances",
    rate=None,
    content_type=_CONTENT_TYPE,
)
