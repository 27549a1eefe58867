"""Enumerations are open: what the vendor adds is kept, typed, and treated as the known values are."""

from __future__ import annotations

import copy
import json
import pickle
from enum import Enum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflowkit._decode.converter import _decode_fast, _decode_fully, decode
from workflowkit._decode.document import Document
from workflowkit.archive.values import adapt, adapt_row
from workflowkit.errors import DecodeError
from workflowkit.jodoo import Action, FlowState, InstanceStatus, TaskStatus, WorkflowInstance
from workflowkit.jodoo.models import LogsPage, RecordsPage
from workflowkit.secmaster import Status, TriggerType
from workflowkit.secmaster import WorkflowInstance as Run

LOG = {"flow_id": 1, "flow_name": "a", "create_time": "2024-01-09T03:16:35.447Z"}
TASK = {**LOG, "task_id": "t"}


def read(body, cls):
    return decode(Document(json.dumps(body).encode()), cls)


def test_known_values_are_the_members():
    instance = read({"instance_id": "i", "status": 1, "tasks": [{**TASK, "status": 4}]}, WorkflowInstance)
    (log,) = read({"logs": [{**LOG, "create_action": "forward", "finish_action": "back"}]}, LogsPage).logs
    run = read({"id": "r", "status": "FAILED", "trigger_type": "TIMER"}, Run)
    assert instance.status is InstanceStatus.COMPLETED
    assert instance.tasks[0].status is TaskStatus.ACTIVATED
    assert (log.create_action, log.finish_action) == (Action.FORWARD, Action.BACK)
    assert (run.status, run.trigger_type) == (Status.FAILED, TriggerType.TIMER)


def test_unknown_values_are_kept():
    instance = read({"instance_id": "i", "status": 77, "tasks": [{**TASK, "finish_action": "vote"}]}, WorkflowInstance)
    assert instance.status == 77
    assert isinstance(instance.status, InstanceStatus)
    assert instance.tasks[0].finish_action == "vote"
    assert isinstance(instance.tasks[0].finish_action, Action)
    assert instance.to_dict()["status"] == 77
    assert "77" in repr(instance)
    assert list(InstanceStatus) == [0, 1, 2]  # it hasn't become a member for others


@given(st.text(st.characters(exclude_categories=["Cs"])), st.integers(-(2**70), 2**70))
def test_any_value_is_read_alike_by_both_decoders(text, number):
    cases: list[tuple[dict[str, Any], Any]] = [
        ({"id": "r", "status": text, "trigger_type": text}, Run),
        ({"instance_id": "i", "status": number}, WorkflowInstance),
    ]
    for body, cls in cases:
        content = json.dumps(body).encode()
        full = _decode_fully(content, cls)
        assert full.status == body["status"]
        assert _decode_fast(content, cls) in (full, None)  # of numbers beyond 64 bits only cattrs makes something


@pytest.mark.parametrize("status", [True, 1.5, "1", [1]])
def test_a_value_of_another_type_is_refused(status):
    with pytest.raises(DecodeError, match=r"Expected `int`, got .* @ \$\.status"):
        read({"instance_id": "i", "status": status}, WorkflowInstance)


@pytest.mark.parametrize("member", [Action("vote"), Action.FORWARD, InstanceStatus(9), InstanceStatus.COMPLETED])
def test_a_member_travels(member):
    assert pickle.loads(pickle.dumps(member)) == member
    assert copy.deepcopy(member) == member
    assert json.loads(json.dumps(member)) == member
    assert f"{member}" == str(member.value)
    assert hash(member) == hash(member.value)


@pytest.mark.parametrize(("cls", "value"), [(Action, 5), (Action, None), (InstanceStatus, "1"), (TaskStatus, 4.5)])
def test_what_can_be_no_value_is_refused(cls, value):
    with pytest.raises(ValueError, match="is not a valid"):
        cls(value)


@pytest.mark.parametrize("value", [Action.FORWARD, Action("a\0b"), InstanceStatus(9), FlowState(2**70)])
def test_it_is_stored_as_plain_text_and_numbers(value):
    assert not isinstance(adapt(value), Enum)
    assert adapt_row([value]) == [adapt(value)] == [adapt(value.value)]


def test_the_state_of_a_record():
    states = [
        record.flow_state for record in read({"data": [{"_id": "1", "flowState": n} for n in (3, 8)]}, RecordsPage).data
    ]
    assert states == [FlowState.REJECTED, 8]
