"""SecMaster's operations on workflow instances, as documented on ShowAopWorkflowInstance and ListAopWorkflowInstance.

Which code an unknown instance gets isn't documented. Nor is what lies beyond offset + limit = 10,000,
which is refused here.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from time import time
from urllib.parse import parse_qsl
from uuid import uuid4

from starlette.responses import Response

from .call import Call
from .gateway import Gateway, refusal
from .workspace import JSON, PROJECT_ID, WORKSPACE_ID, Workspace, read_time

_DEPTH = 10_000
_LARGEST_PAGE = 100
_ORDERS = {"ASC": False, "DESC": True}
_FILTERS = {
    *("workflow_id", "id", "name", "status", "trigger_type"),
    *("dataobject_id", "dataclass_id", "playbook_id", "defence_id"),
}


class Refused(Exception):
    """A call that the service answers with an error code."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status: int = status
        self.code: str = f"SecMaster.{code}"


class SecMaster:
    """The service behind its gateway. `answered` counts answers by operation, and refusals by code."""

    def __init__(self, workspace: Workspace, gateway: Gateway) -> None:
        self._workspace = workspace
        self._gateway = gateway
        self.answered: Counter[str] = Counter()

    def endpoint(self, call: Call) -> str:
        """Return the name of the operation. It is empty where there is none."""
        parts = call.path.strip("/").split("/")
        if parts[2:3] != ["workspaces"] or parts[4:7] != ["soc", "workflows", "instances"] or len(parts) > 8:
            return ""
        return "secmaster.workflow_instance" if len(parts) == 8 else "secmaster.workflow_instances"

    def answer(self, call: Call) -> Response:
        """Answer one call."""
        name = self.endpoint(call)
        if not name or call.method != "GET":
            return refusal(404, "0101", "The API does not exist or has not been published in the environment.")
        refused = self._gateway.refuse(call, name)
        if refused is not None:
            self.answered[json.loads(bytes(refused.body))["error_code"]] += 1
            return refused
        try:
            body = self._body(call, dict(parse_qsl(call.query, keep_blank_values=True)))
            status = 200
            self.answered[name] += 1
        except Refused as error:
            body, status = {"code": error.code, "message": str(error)}, error.status
            self.answered[error.code] += 1
        text = json.dumps(body, ensure_ascii=False).encode("utf-8", "backslashreplace")
        request_id = f"{uuid4()}-{int(time() * 1000)}-sandbox"
        return Response(text, status, {"X-request-id": request_id}, "application/json;charset=UTF-8")

    def _body(self, call: Call, query: dict[str, str]) -> JSON:
        _, project, _, workspace, _, _, _, *rest = call.path.strip("/").split("/")
        if project != PROJECT_ID:
            raise Refused(400, "20030002", "Invalid project ID.")
        if workspace != WORKSPACE_ID:
            raise Refused(403, "20010001", "Invalid workspace ID.")
        return self._instance(rest[0], query) if rest else self._list(query)

    def _instance(self, instance_id: str, query: Mapping[str, str]) -> JSON:
        topology = query.get("show_topology", "false")
        if topology not in ("true", "false"):
            raise Refused(400, "20030001", "Invalid parameters.")
        number = self._workspace.find(instance_id)
        if number is None:
            raise Refused(400, "20030005", "Failed to obtain the data object.")
        return self._workspace.instance(number, topology=topology == "true")

    def _list(self, query: dict[str, str]) -> JSON:
        offset, limit = _number(query.pop("offset", "0")), _number(query.pop("limit", "10"))
        if not (1 <= limit <= _LARGEST_PAGE and offset >= 0 and offset + limit <= _DEPTH):
            raise Refused(400, "20030001", "Invalid parameters.")
        if query.pop("sort_key", "create_time") not in ("create_time", "update_time"):
            raise Refused(400, "20030009", "Invalid sorting field.")
        order = query.pop("sort_dir", "DESC")
        if order not in _ORDERS:
            raise Refused(400, "20030010", "Invalid sorting.")
        since, until = (_time(query.pop(name, None)) for name in ("from_date", "to_date"))
        if not set(query) <= _FILTERS:
            raise Refused(400, "20030001", "Invalid parameters.")
        return self._workspace.page(query, since, until, newest_first=_ORDERS[order], offset=offset, limit=limit)


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else -1


def _time(text: str | None) -> datetime | None:
    time = None if text is None else read_time(text)
    if text is not None and time is None:
        raise Refused(400, "20030001", "Invalid parameters.")
    return time
