"""The SecMaster workspace that the sandbox serves, computed from numbers, so that any size costs no memory."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

JSON = dict[str, Any]

PROJECT_ID = "0a1b2c3d4e5f60718293a4b5c6d7e8f9"
WORKSPACE_ID = "909494e3-558e-46b6-a9eb-07a8e18ca62f"

EDGE_CASES = (
    "null fields",
    "missing fields",
    "unknown fields",
    "non-ascii",
    "running",
    "no nodes",
    "no topology",
    "times without milliseconds",
    "times in UTC",
    "times with an offset",
    "empty times",
    "lone surrogate",
)
"""The first instances, each an edge case."""

_BEIJING = timezone(timedelta(hours=8))
_START = datetime(2025, 7, 1, 8, 0, tzinfo=_BEIJING)
_STEP = timedelta(minutes=7)
_ID = "8eed56de-7aaf-4732-baaf-"
_WORKFLOWS = {
    "Automatic closing of repeated alerts": ("start", "queryRepeatedAlerts", "closeAlerts", "end"),
    "Block an attacking address": ("start", "queryAddress", "addToBlocklist", "notify", "end"),
    "Isolate a host": ("start", "queryHost", "isolateHost", "createTicket", "notify", "end"),
}
_FAILING = (0.06, 0.24, 0.08)
"""How often each workflow fails. One of them depends on a service that is often away."""

_ERRORS = {"queryAddress": "The address service did not answer"}


class Workspace:
    """Instances of three workflows, one every seven minutes.

    Args:
        instances: how many there are.
        total: whether a list's `count` is of all that match, or of the page: nobody documents which.

    Attributes:
        size: how many there are. Raise it to let new ones start.
        gone: numbers of instances that were deleted.
        status: of instances by number, where it isn't the one computed.
    """

    def __init__(self, instances: int = 120, *, total: bool = True) -> None:
        self.size = instances
        self.total = total
        self.gone: set[int] = set()
        self.status: dict[int, str] = {}

    def instance_ids(self) -> Iterator[str]:
        """Yield the ids of all instances, oldest first."""
        return (instance_id(number) for number in range(self.size) if number not in self.gone)

    def edge_cases(self) -> dict[str, str]:
        """Return the ids of the instances that are edge cases, by what each is about."""
        return {kind: instance_id(number) for number, kind in enumerate(EDGE_CASES[: self.size])}

    def find(self, wanted: str) -> int | None:
        """Return the number of an instance, None if there is none of that id."""
        try:
            number = int(wanted.removeprefix(_ID), 16)
        except ValueError:
            return None
        known = wanted == instance_id(number) and 0 <= number < self.size and number not in self.gone
        return number if known else None

    def page(
        self,
        filters: Mapping[str, str],
        since: datetime | None,
        until: datetime | None,
        *,
        newest_first: bool,
        offset: int,
        limit: int,
    ) -> JSON:
        """Return a page of those that began in the window, both of its ends included."""
        first = 0 if since is None else max(0, -((_START - since) // _STEP))
        last = self.size - 1 if until is None else min(self.size - 1, (until - _START) // _STEP)
        numbers: Any = range(first, last + 1)
        if filters or self.gone:
            numbers = [number for number in numbers if number not in self.gone and self._fits(number, filters)]
        if newest_first:
            numbers = numbers[::-1]
        page = [self.instance(number, topology=False) for number in numbers[offset : offset + limit]]
        return {"count": len(numbers) if self.total else len(page), "instances": page}

    def instance(self, number: int, *, topology: bool) -> JSON:
        """Return an instance as its own operation does. A list's items are the same without topology."""
        rng = random.Random(f"instance {number}")
        name = list(_WORKFLOWS)[number % len(_WORKFLOWS)]
        nodes = self._nodes(number, _WORKFLOWS[name], rng)
        status = self._status(number)
        instance: JSON = {
            "dataclass": {"id": "e410ae50-43fa-343e-807a-a2a9edb8018e", "name": "Alert"},
            "dataobject_id": f"2462e8c3-e393-4af9-93b6-{number:012x}",
            "defense_id": "",
            "end_time": nodes[-1]["end_time"],
            "id": instance_id(number),
            "name": f"SOC{number % 3}-{_begin(number):%Y%m%d%H%M%S}",
            "playbook": {"id": f"3e966553-f53d-3d87-835e-{number % 3:012x}", "name": name},
            "retry_count": rng.choice((0, 0, 0, 1)),
            "start_time": _time(_begin(number)),
            "status": status,
            "trigger_type": rng.choice(("EVENT", "EVENT", "EVENT", "TIMER", "MANUAL")),
            "workflow": {
                "id": f"4a6fe02f-b4b4-3b5f-8a11-{number % 3:012x}",
                "name": name,
                "version": "v1",
                "version_id": f"9f436a38-5c82-312b-aaba-{number % 3:012x}",
            },
        }
        if status in ("RUNNING", "CREATED", "RETRYING"):
            del instance["end_time"]
            nodes[-1].update(end_time=None, error_msg=None, output=None, succeed=None, status="RUNNING")
        if topology:
            instance["topology"] = {"audit_logs": nodes}
        if number < len(EDGE_CASES):
            _make_edge_case(instance, EDGE_CASES[number])
        return instance

    def _status(self, number: int) -> str:
        if number in self.status:
            return self.status[number]
        if number < len(EDGE_CASES):
            return "RUNNING" if EDGE_CASES[number] == "running" else "FINISHED"
        return "FAILED" if self._fails(number) else "FINISHED"

    def _fails(self, number: int) -> bool:
        return number >= len(EDGE_CASES) and random.Random(f"fails {number}").random() < _FAILING[number % 3]

    def _fits(self, number: int, filters: Mapping[str, str]) -> bool:
        instance = self.instance(number, topology=False)
        for name in ("workflow", "playbook", "dataclass"):
            instance[f"{name}_id"] = (instance.get(name) or {}).get("id")
        instance["defence_id"] = instance.get("defense_id")
        return all(instance.get(name) == value for name, value in filters.items())

    def _nodes(self, number: int, names: tuple[str, ...], rng: random.Random) -> list[JSON]:
        nodes: list[JSON] = []
        at = _begin(number)
        if self._fails(number):
            names = names[: 2 if rng.random() < 0.6 else rng.randrange(2, len(names))]
        for place, name in enumerate(names):
            took = timedelta(milliseconds=rng.randrange(2, 9) if name in ("start", "end") else rng.randrange(80, 4000))
            failed = self._fails(number) and place == len(names) - 1
            nodes.append(
                {
                    "instance_type": "TASK",
                    "action_id": f"Activity_{number % 3}{place:06x}",
                    "action_name": name,
                    "start_time": _time(at),
                    "end_time": _time(at + took),
                    "error_msg": _ERRORS.get(name, "SecMaster.20041808") if failed else "",
                    "input": json.dumps({"alertId": f"2462e8c3-e393-4af9-93b6-{number:012x}"}),
                    "output": "" if failed else json.dumps({"total": 1, "at": _time(at + took)}),
                    "parent_instance_id": instance_id(number),
                    "status": "FAILED" if failed else "FINISHED",
                    "succeed": not failed,
                }
            )
            at += took
        return nodes


def instance_id(number: int) -> str:
    """Return the id of the instance of that number."""
    return f"{_ID}{number:012x}"


def read_time(text: str) -> datetime | None:
    """Return a filter's time, None if it isn't in the documented form."""
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ%z")
    except ValueError:
        return None


def _make_edge_case(instance: JSON, kind: str) -> None:
    optional = [name for name in instance if name != "id"]
    if kind == "null fields":
        instance.update(dict.fromkeys(optional))
    elif kind == "missing fields":
        for name in optional:
            del instance[name]
    elif kind == "unknown fields":
        instance.update(severity="HIGH", extra=["a field of that name", 0.5])
        instance["workflow"]["owner"] = "soc"
    elif kind == "non-ascii":
        instance["workflow"].update(name="自动关闭重复告警", name_en="Automatic closing of repeated alerts")
    elif kind == "lone surrogate":
        instance["name"] = "cut off here: \ud83d"
    elif "topology" in instance and kind.startswith("no "):
        instance["topology"] = {"no nodes": {"audit_logs": None}, "no topology": None}[kind]
    elif "times" in kind:
        instance.update({name: _written(kind, text) for name, text in instance.items() if name.endswith("_time")})


def _written(kind: str, text: str) -> str:
    """Return a time in one of the other forms that the vendor's pages show."""
    time = read_time(text) or _START
    forms = {
        "times without milliseconds": f"{time:%Y-%m-%dT%H:%M:%S}Z+0800",
        "times in UTC": f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%S}Z",
        "times with an offset": time.isoformat(timespec="milliseconds"),
        "empty times": "",
    }
    return forms[kind]


def _begin(number: int) -> datetime:
    return _START + _STEP * number


def _time(time: datetime) -> str:
    return f"{time:%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03d}Z+0800"
