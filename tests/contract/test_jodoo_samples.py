"""The vendor's own samples, field by field."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from workflowkit._decode.converter import decode
from workflowkit._decode.document import Document
from workflowkit.jodoo.models import (
    Action,
    AppsPage,
    Attachment,
    FieldsPage,
    FormsPage,
    LogsPage,
    Member,
    RecordsPage,
    Signature,
    WorkflowInstance,
    WorkflowLog,
)
from workflowkit.jodoo.source import expiry

LINK = (
    "https://files.jodoo.com/FtMNaGofTPeLMFW5_5SCs8w2mX8h?e=1595347199"
    "&token=bM7UwVPyBBdPaleBZt21SWKzMylqPUpn-05jZlas:iac5fKQqYDZkF1YyvJUm4YRDPzg="
)
SEED = WorkflowLog(
    flow_id=1,
    flow_name="Signature required",
    create_time=datetime(2024, 1, 9, 3, 16, 35, 447_000, tzinfo=UTC),
    create_action=Action.FORWARD,
    finish_time=datetime(2024, 1, 9, 3, 17, 3, 239_000, tzinfo=UTC),
    finish_action=Action.FORWARD,
    operator=Member(username="Jodoo", name="Jodoo", departments=(1,), type=0, status=1),
    comment="Approval comment",
    signature=Signature(url=LINK),
    attachments=(
        Attachment(name="Image.jpeg", size=74935, mime="image/jpeg", url=LINK),
        Attachment(name="6b2cc009-141d-44c4-b5fc-5d01667ee0f8.jpg", size=33174, mime="image/jpeg", url=LINK),
        Attachment(name="24x24.png", size=34281, mime="image/png", url=LINK),
    ),
)


def read(path, cls):
    return decode(Document(path.read_bytes()), cls)


def test_jodoo_logs(samples):
    (log,) = read(samples / "jodoo_logs_response.json", LogsPage).logs
    assert log == SEED
    assert log.extra == {}


def test_jiandaoyun_logs(samples):
    (log,) = read(samples / "jdy_logs_response.json", LogsPage).logs
    assert (log.flow_name, log.comment) == ("必须手写签名", "一条审批意见")
    assert log.operator == Member(username="xiaojian", name="小简", departments=(1,), type=0, status=1)


def test_sample_survives_a_round_trip(samples):
    wire = json.loads((samples / "jodoo_logs_response.json").read_text())
    fields = read(samples / "jodoo_logs_response.json", LogsPage).to_dict()
    fields["logs"][0]["operator"].pop("integrate_id")
    assert fields == wire


def test_no_repr_shows_a_signed_query():
    assert "token" not in repr(SEED)
    assert "https://files.jodoo.com/FtMNaGofTPeLMFW5_5SCs8w2mX8h" in repr(SEED)


def test_a_link_says_when_it_dies():
    assert expiry(LINK) == datetime(2020, 7, 21, 15, 59, 59, tzinfo=UTC)
    for silent in (
        "https://files.jiandaoyun.com/...",
        "https://h/?e=soon",
        "https://h/?e=1e400",
        "https://h/?e=" + "9" * 30,
    ):
        assert expiry(silent) is None


def test_instance(samples):
    instance = read(samples / "instance_get_v6_response.json", WorkflowInstance)
    assert (instance.instance_id, instance.status, instance.finish_time) == ("63ff32d918fbc20007a4a082", 0, None)
    assert instance.create_time == datetime(2022, 10, 26, 13, 11, 45, 87_000, tzinfo=UTC)
    assert instance.update_time == datetime(2022, 10, 26, 13, 18, 57, 605_000, tzinfo=UTC)
    assert (instance.app_id, instance.form_id) == ("628d8c0d73544c0006a54bfd", "63f31ae8144f4a09ec197163")
    assert (instance.form_title, instance.result) == ("物品信息借用", None)
    assert instance.url == "https://www.jiandaoyun.com/workflow/process_instance/63ff32d918fbc20007a4a082"
    creator = Member(username="xiaojian", name="小简", departments=(1,), type=0, status=1)
    assert instance.creator == creator
    assert instance.tasks is not None
    (task,) = instance.tasks
    assert (task.task_id, task.flow_id, task.flow_name) == ("63f31ae8144f4a09ec197162", 0, "流程发起节点")
    assert (task.title, task.form_title) == ("流程发起节点", "物品信息借用")
    assert (task.app_id, task.form_id) == ("628d8c0d73544c0006a54bfd", "63f31ae8144f4a09ec197163")
    assert task.instance_id == "63ff32d918fbc20007a4a082"
    assert (task.create_action, task.finish_action, task.status) == ("forward", "forward", 1)
    assert task.create_time == task.finish_time == datetime(2022, 10, 26, 13, 11, 45, 87_000, tzinfo=UTC)
    assert task.url == f"{instance.url}/task/63f31ae8144f4a09ec197162"
    assert task.assignees == (Member(username="xiaoyun", name="小云", departments=(1,), type=0, status=1),)
    assert task.creator == creator


def test_records(samples):
    (record,) = read(samples / "data_list_response.json", RecordsPage).data
    assert (record.id, record.app_id) == ("59e9a2fe283ffa7c11b1ddbe", "59264073a2a60c0c08e20bfb")
    assert (record.form_id, record.flow_state) == ("59264073a2a60c0c08e20bfd", None)
    assert record.creator is not None
    assert (record.creator.username, record.creator.integrate_id) == ("xiaojian", "xiaojian")
    assert record.create_time == datetime(2017, 10, 20, 22, 41, 51, 430_000, tzinfo=UTC)
    assert record.update_time == datetime(2017, 10, 20, 11, 12, 15, 293_000, tzinfo=UTC)
    assert set(record.extra) == {"_widget_1432728651402", "_widget_1615777739673"}


def test_fields(samples):
    text, file, subform = read(samples / "widget_list_response.json", FieldsPage).widgets
    assert (text.name, text.label, text.type, text.items) == ("_widget_1529400746031", "单行文本", "text", None)
    assert (file.type, subform.type, subform.items) == ("upload", "subform", ())


def test_apps_and_forms(samples):
    (app,) = read(samples / "app_list_response.json", AppsPage).apps
    assert (app.app_id, app.name) == ("5e0dca0cc9a2790006c11e02", "应用名称1")
    first, second = read(samples / "form_list_response.json", FormsPage).forms
    assert (first.entry_id, first.name, first.app_id) == ("56fcab0f02c4675e3fe9694a", "表单名称1", app.app_id)
    assert second.entry_id == "5ed750af3c07c70f9c6eef78"
