"""msgspec goes first, cattrs is the authority: both must say the same of every document."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from workflowkit._decode.converter import _decode_fast, _decode_fully
from workflowkit._decode.document import Document, repair
from workflowkit._decode.model import bind
from workflowkit.errors import DecodeError, TransportError
from workflowkit.jodoo.models import LogsPage, WorkflowInstance
from workflowkit.secmaster.models import InstancesPage

anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(st.characters(codec="utf-16"), max_size=8),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=8), children, max_size=3),
    max_leaves=6,
)
times = st.sampled_from(
    [
        "2024-01-09T03:16:35.447Z",
        "2024-01-09T03:16:35Z",
        "2024-01-09T03:16:35+08:00",
        "2024-01-09T03:16:35",
        "2024-13-09T03:16:35Z",
        "",
        "2024-01-09",
    ]
)


def field(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Mostly what is documented, sometimes anything else."""
    return st.one_of(values, values, values, values, st.none(), anything)


def record(required: dict[str, Any], optional: dict[str, Any]) -> st.SearchStrategy[Any]:
    fields = {name: field(values) for name, values in {**required, **optional}.items()}
    known = st.fixed_dictionaries(
        {name: fields[name] for name in required}, optional={name: fields[name] for name in optional}
    )
    return st.builds(
        lambda known, more: {**more, **known}, known, st.dictionaries(st.text(max_size=6), anything, max_size=2)
    )


text = st.text(max_size=10)
member = record(
    {"username": text, "name": text},
    {"departments": st.lists(st.integers()), "type": st.integers(), "status": st.integers(), "integrate_id": text},
)
attachment = record({"name": text, "size": st.integers(0, 2**40), "mime": text, "url": text}, {})
log = record(
    {"flow_id": st.integers(), "flow_name": text, "create_action": text, "create_time": times},
    {
        "finish_action": text,
        "finish_time": times,
        "comment": text,
        "signature": record({"url": text}, {}),
        "attachments": st.lists(attachment, max_size=2),
        "operator": member,
    },
)
logs_pages = record({"logs": st.lists(log, max_size=3)}, {})
task = record(
    {"task_id": text, "flow_id": st.integers(), "flow_name": text, "create_time": times},
    {
        "assignee": member | st.lists(member, max_size=2),
        "creator": member,
        "status": st.integers(),
        "finish_time": times,
    },
)
instances = record(
    {"instance_id": text, "status": st.integers(), "create_time": times},
    {"tasks": st.lists(task, max_size=2), "creator": member},
)


reference = record({}, {"id": text, "name": text, "name_en": text, "en_name": text, "version": text})
forms = times | st.sampled_from(
    ["2025-07-18T15:11:04.577Z+0800", "2025-07-18T15:11:04Z+0800", 1_752_822_664_577, 2**60]
)
node = record(
    {}, {"action_name": text, "start_time": forms, "end_time": forms, "succeed": st.booleans(), "input": text}
)
run = record(
    {"id": text},
    {
        "workflow": reference,
        "playbook": reference,
        "dataclass": reference,
        "status": text,
        "start_time": forms,
        "end_time": forms,
        "retry_count": st.integers(),
        "topology": record({}, {"audit_logs": st.lists(node, max_size=2)}),
    },
)
runs = record({"instances": st.lists(run, max_size=2)}, {"count": st.integers()})


def both(body: bytes, cls: Any) -> tuple[Any, Any]:
    """Return what each of the two makes of a document, as callers get it."""
    fast, full = _decode_fast(body, cls), None
    with suppress(DecodeError, TransportError):
        full = _decode_fully(body, cls)
    for model in (fast, full):
        if model is not None:
            bind(model, Document(body))
    return fast, full


@given(logs_pages | anything)
@example({"logs": [{"flow_id": 10**30, "flow_name": "", "create_action": "", "create_time": "2024-01-09T03:16:35Z"}]})
def test_logs(document):
    fast, full = both(json.dumps(document).encode(), LogsPage)
    assert fast == full


@given(instances | anything)
def test_instances(document):
    fast, full = both(json.dumps(document).encode(), WorkflowInstance)
    assert fast == full


@given(runs | anything)
def test_secmaster(document):
    fast, full = both(InstancesPage.prepare(json.dumps(document).encode()), InstancesPage)
    assert fast == full


@given(logs_pages, st.integers(0, 10_000), st.integers(0, 10_000), st.binary(max_size=4))
def test_damaged_bodies(document, start, length, patch):
    body = json.dumps(document).encode()
    body = body[: start % (len(body) + 1)] + patch + body[start % (len(body) + 1) + length % 8 :]
    fast, full = both(body, LogsPage)
    assert fast == full


@given(anything)
def test_repairing_changes_no_value_that_was_fine(document):
    body = json.dumps(document).encode()
    assert len(repair(body)) == len(body)
    assert json.loads(repair(body)) == json.loads(repair(repair(body)))
    if b"NaN" not in body and b"Infinity" not in body and b"\\ud" not in body:
        assert repair(body) == body
