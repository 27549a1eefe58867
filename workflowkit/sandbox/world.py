"""What the sandbox serves: an invented company, computed from ids, so that any size costs no memory."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from .files import Files, quote, signature
from .story import COMMENTS, PEOPLE, STEPS, Happening, Story

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
_WITH_FILE = 0.3
_START = datetime(2024, 1, 9, 3, 16, 35, 447_000, tzinfo=UTC)


class World:
    """The data behind the sandbox's answers.

    Args:
        instances: workflow instances in all, dealt out to the workflow forms in turn.
        files: what links lead to.
        until: the present of the company: what ends after it is open. Without it, everything has ended long ago, but
            for some of the edge cases. Those are left out with it.
    """

    def __init__(self, instances: int = 300, *, files: Files | None = None, until: datetime | None = None) -> None:
        self.size = instances
        self.files: Files = files or Files()
        self._edge_cases = {} if until else EDGE_CASES
        self._story = Story(instances // len(_WORKFLOWS), until)

    def instance_ids(self, form_id: str | None = None) -> Iterator[str]:
        """Yield the ids of all instances, or of one form's, ascending within a form."""
        for form in [form_id] if form_id else _WORKFLOWS:
            yield from (_instance_id(form, number) for number in range(self.count(form)))

    def edge_cases(self) -> dict[str, str]:
        """Return the ids of the instances that are edge cases, by what each is about."""
        ids = self.instance_ids(_WORKFLOWS[0])
        return dict(zip(self._edge_cases, ids, strict=False))

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
        """Return how many logs an instance has: one for each step with a comment."""
        if self._is_edge_case(form_id, number):
            return list(EDGE_CASES.values())[number]
        return len(self._commented(form_id, number))

    def logs(self, form_id: str, number: int, skip: int, limit: int, base: str) -> list[JSON]:
        """Return a page of an instance's logs. Links in them start with the base."""
        count = self.log_count(form_id, number)
        places = range(skip, min(skip + limit, count))
        told = () if self._is_edge_case(form_id, number) else self._commented(form_id, number)
        if len(told) == count:
            return [self._log(form_id, number, place, told[place], base) for place in places]
        return [self._invented(form_id, number, place, base) for place in places]

    def instance(self, form_id: str, number: int, base: str, *, tasks: bool) -> JSON:
        """Return an instance as the API's own operation for it does."""
        if self._is_edge_case(form_id, number):
            steps = self.logs(form_id, number, 0, 100, base)
        else:
            steps = [_log(each) for each in self._story.happenings(FORMS[form_id], number)]
        is_open = any(step.get("finish_time") is None for step in steps)
        ended = max((step.get("finish_time") or "" for step in steps), default="")
        instance: JSON = {
            "app_id": APP_ID,
            "form_id": form_id,
            "form_title": FORMS[form_id],
            "instance_id": _instance_id(form_id, number),
            "url": f"{base}/workflow/process_instance/{_instance_id(form_id, number)}",
            "create_time": _time(self._begin(form_id, number)),
            "update_time": ended or _time(self._begin(form_id, number)),
            "finish_time": None if is_open else ended or _time(self._begin(form_id, number)),
            "status": 0 if is_open else 1,
            "creator": _member(number % 4),
        }
        if tasks:
            instance["tasks"] = [_task(instance, step, position) for position, step in enumerate(steps)]
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
            "dataModifyTime": _time(self._begin(form_id, self.count(form_id))),
        }

    def record(self, form_id: str, number: int, base: str = "") -> JSON:
        """Return a form's record as the data API does. Links in it start with the base."""
        record: JSON = {
            "_id": _instance_id(form_id, number),
            "appId": APP_ID,
            "entryId": form_id,
            "creator": _member(number % 4),
            "createTime": _time(self._begin(form_id, number)),
            "updateTime": _time(self._begin(form_id, number) + timedelta(hours=5)),
            "_widget_1508400000001": f"{FORMS[form_id]} {number + 1}",
            **self._content(form_id, number, base),
        }
        if self.has_workflow(form_id):
            told = () if self._is_edge_case(form_id, number) else self._story.happenings(FORMS[form_id], number)
            record["flowState"] = int(not told or told[-1].end is not None)
        return record

    def _content(self, form_id: str, number: int, base: str) -> JSON:
        rng = _rng(form_id, number, "content")
        day = _time(self._begin(form_id, number) + timedelta(days=rng.randrange(7, 60)))
        if FORMS[form_id] == "Leave request":
            return {"days": rng.choice((0.5, 1, 2, 5, 10)), "_widget_1508400000003": day}
        if FORMS[form_id] != "Purchase request":
            return {}
        content = quote(number)
        file = {"name": "quote.txt", "size": len(content), "mime": "text/plain"}
        return {
            "amount": round(rng.lognormvariate(7, 1.2), 2),
            "_widget_1508400000003": day,
            "_widget_1508400000004": _member(rng.randrange(len(PEOPLE))),
            "_widget_1508400000005": [{**file, "url": self.files.link(content, base, "quote.txt")}],
            "_widget_1508400000006": [
                {"_widget_1508400000007": rng.choice(_ARTICLES), "_widget_1508400000008": rng.randrange(1, 20)}
                for _ in range(rng.randrange(1, 4))
            ],
        }

    def _is_edge_case(self, form_id: str, number: int) -> bool:
        return form_id == _WORKFLOWS[0] and number < len(self._edge_cases)

    def _begin(self, form_id: str, number: int) -> datetime:
        if self._is_edge_case(form_id, number) or not self.has_workflow(form_id):
            return _START + timedelta(minutes=7 * number)
        return self._story.begin(FORMS[form_id], number)

    def _commented(self, form_id: str, number: int) -> list[Happening]:
        return [each for each in self._story.happenings(FORMS[form_id], number) if each.comment is not None]

    def _log(self, form_id: str, number: int, position: int, told: Happening, base: str) -> JSON:
        return self._attach(_log(told), form_id, number, position, base)

    def _invented(self, form_id: str, number: int, position: int, base: str) -> JSON:
        """Return a log of an instance that has any number of them."""
        rng = _rng(form_id, number, position)
        begin = self._begin(form_id, number) + timedelta(minutes=20 * position)
        action = rng.choice(("forward", "forward", "forward", "back", "transfer"))
        step, person, comment = STEPS[position % len(STEPS)], rng.randrange(len(PEOPLE)), rng.choice(COMMENTS[action])
        end = begin + timedelta(seconds=rng.randrange(20, 1100))
        told = Happening(step, person, "forward", begin, end, action, comment)
        log = self._attach(_log(told), form_id, number, position, base)
        if self._is_edge_case(form_id, number):
            _make_edge_case(log, list(EDGE_CASES)[number], position)
        return log

    def _attach(self, log: JSON, form_id: str, number: int, position: int, base: str) -> JSON:
        """Add a signature where the step wants one, and a file to some logs."""
        if log["flow_name"] == "Signature required":
            log["signature"] = {"url": self.files.link(signature(7 * number + position), base)}
        if _rng(form_id, number, position, "file").random() < _WITH_FILE:
            content = quote(number)
            file = {"name": "quote.txt", "size": len(content), "mime": "text/plain"}
            log["attachments"] = [{**file, "url": self.files.link(content, base, "quote.txt")}]
        return log


def _log(told: Happening) -> JSON:
    return {
        "flow_id": STEPS.index(told.step) + 1,
        "flow_name": told.step,
        "create_time": _time(told.begin),
        "create_action": told.how,
        "finish_time": None if told.end is None else _time(told.end),
        "finish_action": told.action,
        "operator": _member(told.person),
        "comment": told.comment,
    }


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
    username, name = PEOPLE[number]
    return {"username": username, "name": name, "departments": [1, number + 2], "type": 0, "status": 1}


def _time(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _rng(*seed: object) -> random.Random:
    return random.Random(repr(seed))
