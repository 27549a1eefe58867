"""Jodoo's operations, as documented: help.jodoo.com/open/18793, 16051, 14220, 14216, 11261."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from itertools import islice
from typing import Any

from starlette.responses import Response

from .call import Call
from .faults import refusal
from .limits import SlidingSecond
from .world import APP_ID, FORMS, JSON, World

LARGEST_PAGE = 100
_TENANT_RATE = 50
_MOST_CONDITIONS = 100


class Refused(Exception):
    """A request that the service answers with an error code."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Jodoo:
    """The service: keys, limits, operations.

    Args:
        world: the data.
        keys: API keys, and whose they are. Keys of one tenant share its limits.
        edition: ``jodoo`` or ``jiandaoyun``: they differ in the rate of listing records.
        limited: whether rates are enforced.
    """

    def __init__(self, world: World, keys: Mapping[str, str], edition: str, *, limited: bool) -> None:
        records = 30 if edition == "jiandaoyun" else 5
        self._operations: dict[str, tuple[str, int, Callable[[JSON, str], JSON]]] = {
            "/v1/workflow/instance/logs": ("workflow_logs", 30, self._logs),
            "/v4/workflow/instance/get": ("workflow_instance", 30, self._instance),
            "/v6/workflow/instance/get": ("workflow_instance", 30, self._instance),
            "/v5/app/entry/data/list": ("form_records", records, self._records),
            "/v5/app/list": ("apps", 30, self._apps),
            "/v5/app/entry/list": ("forms", 30, self._forms),
            "/v5/app/entry/widget/list": ("form_fields", 30, self._fields),
        }
        self._world = world
        self._keys = keys
        self._limited = limited
        self._limits: dict[tuple[str, ...], SlidingSecond] = {}
        self.answered: Counter[str] = Counter()

    def endpoint(self, call: Call) -> str:
        """Return the name of the operation at the path. It is empty where there is none."""
        return self._operations.get(call.path.removeprefix("/api"), ("", 0, None))[0]

    def answer(self, call: Call) -> Response:
        """Answer one call."""
        try:
            name, rate, operation = self._operations[call.path.removeprefix("/api")]
        except KeyError:
            return Response(status_code=403)
        try:
            self._admit(self._tenant(call.headers.get("authorization", "")), name, rate)
            body = operation(_parse(call.content), call.base)
        except Refused as error:
            self.answered[str(error.code)] += 1
            return refusal(error.code, str(error))
        self.answered[name] += 1
        text = json.dumps(body, ensure_ascii=False).encode("utf-8", "backslashreplace")
        return Response(text, media_type="application/json; charset=utf-8")

    def _tenant(self, authorization: str) -> str:
        scheme, _, key = authorization.partition(" ")
        if scheme != "Bearer" or key not in self._keys:
            raise Refused(8301, "Failed to verify the API key for authorization.")
        return self._keys[key]

    def _admit(self, tenant: str, name: str, rate: int) -> None:
        if not self._limited:
            return
        mine = self._limits.setdefault((tenant, name), SlidingSecond(rate))
        all_of_them = self._limits.setdefault((tenant,), SlidingSecond(_TENANT_RATE))
        if mine.is_full():
            raise Refused(8304, "Request Limit Exceeded")
        if all_of_them.is_full():
            raise Refused(8303, "Company/Team Request Limit Exceeded")
        mine.accept()
        all_of_them.accept()

    def _logs(self, body: JSON, base: str) -> JSON:
        form_id, number = self._find(body)
        types = body.get("types")
        if types != ["comment"]:
            raise Refused(17017, f"Invalid Parameter(s): types {json.dumps(types)}")
        skip, limit = _window(body)
        return {"logs": self._world.logs(form_id, number, skip, limit, base)}

    def _instance(self, body: JSON, base: str) -> JSON:
        form_id, number = self._find(body)
        return self._world.instance(form_id, number, base, tasks=body.get("tasks_type") == 1)

    def _records(self, body: JSON, base: str) -> JSON:
        form_id = _form(body)
        _, limit = _window(body, default=10)
        start = 0
        if "data_id" in body:
            found = self._world.find(str(body["data_id"]))
            if not found or found[0] != form_id:
                raise Refused(4001, "Invalid Data")
            start = found[1] + 1
        count = self._world.count(form_id)
        wanted = (
            record
            for record in map(partial(self._world.record, form_id, base=base), range(start, count))
            if _fits(record, body)
        )
        return {"data": [_only(record, body.get("fields")) for record in islice(wanted, limit)]}

    def _apps(self, body: JSON, base: str) -> JSON:
        skip, limit = _window(body)
        return {"apps": [{"name": "Operations", "app_id": APP_ID}][skip : skip + limit]}

    def _forms(self, body: JSON, base: str) -> JSON:
        if body.get("app_id") != APP_ID:
            raise Refused(2004, "Invalid App")
        skip, limit = _window(body)
        forms = islice(FORMS.items(), skip, skip + limit)
        return {"forms": [{"name": name, "app_id": APP_ID, "entry_id": form_id} for form_id, name in forms]}

    def _fields(self, body: JSON, base: str) -> JSON:
        return self._world.fields(_form(body))

    def _find(self, body: JSON) -> tuple[str, int]:
        found = self._world.find(str(body.get("instance_id")))
        if found is None:
            raise Refused(50016, "Invalid instance_id")
        if not self._world.has_workflow(found[0]):
            raise Refused(5056, "Invalid Form")
        return found


def _form(body: JSON) -> str:
    if body.get("app_id") != APP_ID:
        raise Refused(2004, "Invalid App")
    form_id = body.get("entry_id")
    if form_id not in FORMS:
        raise Refused(3000, "Invalid Form")
    return str(form_id)


def _fits(record: JSON, body: JSON) -> bool:
    """Apply the one filter that matters to a reader of workflows: on flowState, by eq or in.

    Whatever else is in a filter is ignored, as the service ignores what it doesn't understand.
    """
    conditions = body.get("filter", {}).get("cond", [])
    if len(conditions) > _MOST_CONDITIONS:
        raise Refused(4815, "Invalid Filter")
    return all(
        record.get("flowState") in each["value"]
        for each in conditions
        if each.get("field") == "flowState" and each.get("method") in {"eq", "in"} and _is_numbers(each.get("value"))
    )


def _is_numbers(value: Any) -> bool:
    return isinstance(value, list) and all(type(each) is int for each in value)


def _only(record: JSON, fields: list[str] | None) -> JSON:
    """Return the record with its ids and these fields only, where any of them is a field of the form."""
    if not fields or fields == ["_id"]:
        return record
    return {name: value for name, value in record.items() if name in {"_id", "appId", "entryId", *fields}}


def _parse(content: bytes) -> JSON:
    try:
        body: Any = json.loads(content)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Refused(1, "Invalid Request")
    return body


def _window(body: JSON, default: int = LARGEST_PAGE) -> tuple[int, int]:
    skip, limit = body.get("skip", 0), body.get("limit", default)
    if not (isinstance(skip, int) and isinstance(limit, int) and skip >= 0 and 1 <= limit <= LARGEST_PAGE):
        raise Refused(17017, "Invalid Parameter(s)")
    return skip, limit
