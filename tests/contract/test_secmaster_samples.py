"""The vendor's own sample, and what was built from its list of fields, field by field."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from workflowkit._decode.converter import decode, structure
from workflowkit._decode.document import Document
from workflowkit.secmaster import (
    DataClass,
    Node,
    Playbook,
    Status,
    Topology,
    TriggerType,
    Workflow,
    WorkflowInstance,
)
from workflowkit.secmaster.auth import TokenBody
from workflowkit.secmaster.models import InstancesPage

DATA = Path(__file__).parents[1] / "data/secmaster"
BEIJING = timezone(timedelta(hours=8))


def at(second: int, millisecond: int) -> datetime:
    return datetime(2025, 7, 18, 15, 11, second, millisecond * 1000, BEIJING)


INSTANCE = "8eed56de-7aaf-4732-baaf-46c1bb11dc8f"
SEED = WorkflowInstance(
    id=INSTANCE,
    name="ZFGJZDGB-20250718151103",
    workflow=Workflow(
        id="4a6fe02f-b4b4-3b5f-8a11-6f22229e18db",
        name="Automatic closing of repeated alerts",
        version="v1",
        version_id="9f436a38-5c82-312b-aaba-b91a48e99086",
    ),
    dataclass=DataClass(id="e410ae50-43fa-343e-807a-a2a9edb8018e", name="Alert"),
    playbook=Playbook(id="3e966553-f53d-3d87-835e-7697e353876a", name="Automatic closing of repeated alerts"),
    trigger_type=TriggerType.EVENT,
    status=Status.FINISHED,
    start_time=at(3, 0),
    end_time=at(4, 577),
    retry_count=0,
    defense_id="",
    dataobject_id="2462e8c3-e393-4af9-93b6-fe424c0b4e39",
)
NODES = (
    Node(
        instance_type="TASK",
        action_id="StartEvent_0000001",
        action_name="start",
        start_time=at(3, 10),
        end_time=at(3, 12),
        error_msg="",
        input="",
        output="",
        parent_instance_id=INSTANCE,
        status=Status.FINISHED,
        succeed=True,
    ),
    Node(
        instance_type="TASK",
        action_id="Activity_1h2k3m4",
        action_name="queryRepeatedAlerts",
        start_time=at(3, 20),
        end_time=at(3, 612),
        error_msg="",
        input='{"alertId":"2462e8c3-e393-4af9-93b6-fe424c0b4e39"}',
        output='{"total":1}',
        parent_instance_id=INSTANCE,
        status=Status.FINISHED,
        succeed=True,
    ),
    Node(
        instance_type="TASK",
        action_id="Activity_5n6p7q8",
        action_name="关闭告警",
        start_time=at(3, 620),
        end_time=at(4, 570),
        error_msg="SecMaster.20041808",
        input='{"close_comment":"重复告警"}',
        output="",
        parent_instance_id=INSTANCE,
        status=Status.FAILED,
        succeed=False,
    ),
)


def payload(name: str) -> Any:
    return json.loads((DATA / name).read_text(encoding="utf-8"))["payload"]


def document(name: str) -> Document:
    return Document(json.dumps(payload(name), ensure_ascii=False).encode())


def test_the_seeds_sample():
    found = decode(document("workflow_instance_detail.docs.json"), WorkflowInstance)
    assert found == SEED
    assert found.end_time is not None
    assert found.end_time.utcoffset() == timedelta(hours=8)
    assert found.end_time.isoformat() == "2025-07-18T15:11:04.577000+08:00"
    assert found.topology is None
    assert found.extra == {}
    assert (found.status, found.trigger_type) == (Status.FINISHED, TriggerType.EVENT)


def test_a_topology():
    found = decode(document("workflow_instance_detail_topology.SYNTHETIC.json"), WorkflowInstance)
    assert found.topology == Topology(audit_logs=NODES)
    assert found.status == "FAILED"
    assert {node.extra == {} for node in NODES} == {True}


def test_a_running_instance_with_nulls_in_place_of_what_is_not_there_yet():
    found = decode(document("workflow_instance_detail_running.SYNTHETIC.json"), WorkflowInstance)
    assert (found.status, found.end_time, found.playbook, found.retry_count) == ("RUNNING", None, None, 1)
    assert found.topology is not None
    _, running = found.topology.audit_logs
    assert (running.status, running.end_time, running.output, running.succeed) == ("RUNNING", None, None, None)


def test_a_list():
    page = decode(document("workflow_instance_list.SYNTHETIC.json"), InstancesPage)
    assert page.count == 2
    assert page.instances[0] == SEED
    assert [instance.status for instance in page.instances] == ["FINISHED", "RETRYING"]


@pytest.mark.parametrize("name", ["detail.docs", "detail_running.SYNTHETIC", "detail_topology.SYNTHETIC"])
def test_both_ways_of_reading_agree(name):
    name = f"workflow_instance_{name}.json"
    body = WorkflowInstance.prepare(document(name).body)
    assert decode(document(name), WorkflowInstance) == structure(json.loads(body), WorkflowInstance)


def test_what_is_written_is_what_was_read():
    found = decode(document("workflow_instance_detail_topology.SYNTHETIC.json"), WorkflowInstance)
    written = found.to_dict()
    assert structure(written, WorkflowInstance) == found
    assert written["start_time"] == "2025-07-18T15:11:03.000+08:00"


def test_nodes_keep_the_vendors_own_bytes():
    source = document("workflow_instance_detail_topology.SYNTHETIC.json")
    raws = source.raws("topology.audit_logs")
    assert [json.loads(raw) for raw in raws] == payload("workflow_instance_detail_topology.SYNTHETIC.json")["topology"][
        "audit_logs"
    ]
    assert document("workflow_instance_detail.docs.json").raws("topology.audit_logs") == ()


def test_what_iam_tells_of_a_token():
    told = decode(document("iam_token_response.docs.json"), TokenBody).token
    assert told.issued_at is not None
    assert told.expires_at - told.issued_at == timedelta(hours=24)
    assert told.extra["methods"] == ["password"]
