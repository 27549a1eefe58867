"""What the sandbox serves: an invented company, computed from ids, so that any size costs no memory."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from .files import Files, quote, signature

JSON = dict[str, Any]

APP_ID = "6573f1c2a9d4e80007b1c001"
FORMS = {
    "6573f1c2a9d4e80007b1c101": "Purchase request",
    "6573f1c2a9d4e80007b1c102": "Leave request",
    "6573f1c2a9d4e80007b1c103": "Suppliers",
}
_WORKFLOWS = [form for form, name in FORMS.items() if name.endswith("request")]

EDGE_CASES = {
    "no logs": 0,
    "one log": 1,
    "99 logs": 99,
    "100 logs": 100,
    "101 logs": 101,
    "250 logs": 250,
    "missing fields": 3,
    "null fields": 3,
    "unknown fields": 3,
    "non-ascii": 3,
    "open task": 2,
    "lone surrogate": 2,
}
"""The first instances of the first form, and how many logs each has."""

_FIELDS: dict[str, list[JSON]] = {
    "Purchase request": [
        {"name": "_widget_1508400000001", "label": "Title", "type": "text"},
        {"name": "amount", "label": "Amount", "type": "number"},
        {"name": "_widget_1508400000003", "label": "Needed by", "type": "datetime"},
        {"name": "_widget_1508400000004", "label": "Requested for", "type": "user"},
        {"name": "_widget_1508400000005", "label": "Quote", "type": "upload"},
        {
            "name": "_widget_1508400000006",
            "label": "Items",
            "type": "subform",
            "items": [
                {"name": "_widget_1508400000007", "label": "Article", "type": "text"},
                {"name": "_widget_1508400000008", "label": "Quantity", "type": "number"},
            ],
        },
    ],
    "Leave request": [
        {"name": "_widget_1508400000001", "label": "Title", "type": "text"},
        {"name": "days", "label": "Days", "type": "number"},
        {"name": "_widget_1508400000003", "label": "From", "type": "datetime"},
    ],
    "Suppliers": [{"name": "_widget_1508400000001", "label": "Title", "type": "text"}],
}
"""Each form's fields. Some have an alias, as the administrator of the form may give one."""

_SYSTEM_FIELDS = ("creator", "updater", "createTime", "updateTime")
_ARTICLES = ("Notebook", "Desk lamp", "Headset", "Safety shoes", "显示器")
_STEPS = ("Manager approval", "Finance review", "Signature required", "Director approval")
_PEOPLE = (("u1001", "Ada Park"), ("u1002", "Chen Wei"), ("u1003", "Jonas Weber"), ("u1004", "Amina Diallo"))
_COMMENTS = {
    "forward": (
        "Approved.",
        "Within budget, go ahead.",
        "Two offers are enough for this amount; the cheaper one is faster.",
    ),
    "back": ("Please attach the signed quote.", "The cost centre is missing."),
    "transfer": ("Your department pays for this.", "I am away until Monday."),
}
_WITH_FILE = 0.3
_START = datetime(2024, 1, 9, 3, 16, 35, 447_000, tzinfo=UTC)


class World:
    """The data behind the sandbox's answers.

    Args:
        instances: workflow instances in all, dealt out to the workflow forms in turn.
        files: what links lead to.
    """

    def __init__(self, instances: int = 300, *, files: Files | None = None) -> None:
        self.size = instances
        self.files: Files = files or Files()

    def instance_ids(self, form_id: str | None = None) -> Iterator[str]:
        """Yield the ids of all instances, or of one form's, ascending within a form."""
        for form in [form_id] if form_id else _WORKFLOWS:
            yield from (_instance_id(form, number) for number in range(self.count(form)))

    def edge_cases(self) -> dict[str, str]:
        """Return the ids of the instances that are edge cases, by what each is about."""
        ids = self.instance_ids(_WORKFLOWS[0])
        return dict(zip(EDGE_CASES, ids, strict=False))

    def count(self, form_id: str) -> int:
        """Return how many records a form has."""
        if not self.has_workflow(form_id):
            return 7
        place = _WORKFLOWS.index(form_id)
        return (self.size + len(_WORKFLOWS) - 1 - place) // len(_WORKFLOWS)

    def find(self, instance_id: str) -> tuple[str, int] | None:
        """Return the form and number of an instance, None if there is none of that id."""
        try:
            form_id, number = list(FORMS)[int(instance_id[2:4], 16)], int(instance_id[8:], 16)
        except (ValueError, IndexError):
            return None
        known = instance_id == _instance_id(form_id, number) and number < self.count(form_id)
        return (form_id, number) if known else None

    def has_workflow(self, form_id: str) -> bool:
        """Return whether a form's records are instances of a workflow."""
        return form_id in _WORKFLOWS

    def log_count(self, form_id: str, number: int) -> int:
        """Return how many logs an instance has."""
        if form_id == _WORKFLOWS[0] and number < len(EDGE_CASES):
            return list(EDGE_CASES.values())[number]
        return _rng(form_id, number).choice((1, 2, 3, 3, 4, 5, 8))

    def logs(self, form_id: str, number: int, skip: int, limit: int, base: str) -> list[JSON]:
        """Return a page of an instance's logs. Links in them start with the base."""
        end = min(skip + limit, self.log_count(form_id, number))
        return [self._log(form_id, number, position, base) for position in range(skip, end)]

    def instance(self, form_id: str, number: int, base: str, *, tasks: bool) -> JSON:
        """Return an instance as the API's own operation for it does."""
        logs = self.logs(form_id, number, 0, 100, base)
        is_open = any(log.get("finish_time") is None for log in logs)
        instance: JSON = {
            "app_id": APP_ID,
            "form_id": form_id,
            "form_title": FORMS[form_id],
            "instance_id": _instance_id(form_id, number),
            "url": f"{base}/workflow/process_instance/{_instance_id(form_id, number)}",
            "create_time": _time(_begin(number)),
            "update_time": _time(_begin(number) + timedelta(hours=5)),
            "finish_time": None if is_open else _time(_begin(number) + timedelta(hours=5)),
            "status": 0 if is_open else 1,
            "creator": _member(0),
        }
        if tasks:
            instance["tasks"] = [_task(instance, log, position) for position, log in enumerate(logs)]
        return instance

    def fields(self, form_id: str) -> JSON:
        """Return a form's fields as the API's own operation for it does."""
        widgets = [
            {**field, "widgetName": f"_widget_{1508400000001 + n}"} for n, field in enumerate(_FIELDS[FORMS[form_id]])
        ]
        state = ("flowState",) if self.has_workflow(form_id) else ()
        return {
            "widgets": widgets,
            "sysWidgets": [{"name": name} for name in (*state, *_SYSTEM_FIELDS)],
            "dataModifyTime": _time(_begin(self.count(form_id))),
        }

    def record(self, form_id: str, number: int, base: str = "") -> JSON:
        """Return a form's record as the data API does. Links in it start with the base."""
        record: JSON = {
            "_id": _instance_id(form_id, number),
            "appId": APP_ID,
            "entryId": form_id,
            "creator": _member(0),
            "createTime": _time(_begin(number)),
            "updateTime": _time(_begin(number) + timedelta(hours=5)),
            "_widget_1508400000001": f"{FORMS[form_id]} {number + 1}",
            **self._content(form_id, number, base),
        }
        if self.has_workflow(form_id):
            record["flowState"] = 1
        return record

    def _content(self, form_id: str, number: int, base: str) -> JSON:
        rng = _rng(form_id, number, "content")
        day = _time(_begin(number) + timedelta(days=rng.randrange(7, 60)))
        if FORMS[form_id] == "Leave request":
            return {"days": rng.choice((0.5, 1, 2, 5, 10)), "_widget_1508400000003": day}
        if FORMS[form_id] != "Purchase request":
            return {}
        content = quote(number)
        file = {"name": "quote.txt", "size": len(content), "mime": "text/plain"}
        return {
            "amount": round(rng.lognormvariate(7, 1.2), 2),
            "_widget_1508400000003": day,
            "_widget_1508400000004": _member(rng.randrange(len(_PEOPLE))),
            "_widget_1508400000005": [{**file, "url": self.files.link(content, base, "quote.txt")}],
            "_widget_1508400000006": [
                {"_widget_1508400000007": rng.choice(_ARTICLES), "_widget_1508400000008": rng.randrange(1, 20)}
                for _ in range(rng.randrange(1, 4))
            ],
        }

    def _log(self, form_id: str, number: int, position: int, base: str) -> JSON:
        rng = _rng(form_id, number, position)
        begin = _begin(number) + timedelta(minutes=20 * position)
        action = rng.choice(("forward", "forward", "forward", "back", "transfer"))
        log: JSON = {
            "flow_id": position % len(_STEPS) + 1,
            "flow_name": _STEPS[position % len(_STEPS)],
            "create_time": _time(begin),
            "create_action": "forward",
            "finish_time": _time(begin + timedelta(seconds=rng.randrange(20, 1100))),
            "finish_action": action,
            "operator": _member(rng.randrange(len(_PEOPLE))),
            "comment": rng.choice(_COMMENTS[action]),
        }
        if position % len(_STEPS) == _STEPS.index("Signature required"):
            log["signature"] = {"url": self.files.link(signature(7 * number + position), base)}
        if rng.random() < _WITH_FILE:
            content = quote(number)
            file = {"name": "quote.txt", "size": len(content), "mime": "text/plain"}
            log["attachments"] = [{**file, "url": self.files.link(content, base, "quote.txt")}]
        if form_id == _WORKFLOWS[0] and number < len(EDGE_CASES):
            _make_edge_case(log, list(EDGE_CASES)[number], position)
        return log


def _make_edge_case(log: JSON, kind: str, position: int) -> None:
    if kind == "missing fields":
        for name in ("finish_action", "finish_time", "comment", "operator", "attachments", "signature"):
            log.pop(name, None)
    elif kind == "null fields":
        log.update(dict.fromkeys(("finish_action", "finish_time", "comment", "operator", "attachments", "signature")))
    elif kind == "unknown fields":
        log.update(weight=0.5, labels=["urgent", None], extra="a field of that name")
        log["operator"]["nickname"] = "Ace"
    elif kind == "non-ascii":
        log.update(flow_name="总经理审批", comment="同意。Genehmigt für Müller & Søn 👍\n— 第二行")
    elif kind == "open task" and position:
        log.update(finish_action=None, finish_time=None)
    elif kind == "lone surrogate" and position:
        log["comment"] = "cut off here: \ud83d"


def _task(instance: JSON, log: JSON, position: int) -> JSON:
    shared = {name: instance[name] for name in ("app_id", "form_id", "form_title", "instance_id", "url")}
    return {
        **shared,
        "task_id": f"{instance['instance_id'][:16]}{position:08x}",
        "title": log["flow_name"],
        **{name: log[name] for name in ("flow_id", "flow_name", "create_time", "create_action")},
        "finish_time": log.get("finish_time"),
        "finish_action": log.get("finish_action"),
        "assignee": log.get("operator"),
        "creator": instance["creator"],
        "status": 1 if log.get("finish_time") else 0,
    }


def _instance_id(form_id: str, number: int) -> str:
    return f"65{list(FORMS).index(form_id):02x}cba9{number:016x}"


def _member(number: int) -> JSON:
    username, name = _PEOPLE[number]
    return {"username": username, "name": name, "departments": [1, number + 2], "type": 0, "status": 1}


def _begin(number: int) -> datetime:
    return _START + timedelta(minutes=7 * number)


def _time(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _rng(*seed: object) -> random.Random:
    return random.Random(repr(seed))
