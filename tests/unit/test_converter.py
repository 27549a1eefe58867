from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import attrs
import pytest

from workflowkit._decode.converter import decode, structure
from workflowkit._decode.document import Document
from workflowkit._decode.model import Model, bind
from workflowkit.errors import DecodeError, TransportError
from workflowkit.jodoo.models import LogsPage, Member, RecordsPage, Task, WorkflowInstance, WorkflowLog

LOG = {"flow_id": 1, "flow_name": "a", "create_action": "forward", "create_time": "2024-01-09T03:16:35.447Z"}


def read(body: Any, cls: Any = LogsPage) -> Any:
    return decode(Document(body if isinstance(body, bytes) else json.dumps(body).encode()), cls)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "empty"),
        (b"  \n", "empty"),
        (b"<html><body>Bad Gateway</body></html>", "web page"),
        (b'{"logs": [{"flow_id": 1,', "isn't JSON"),
        (b"nope", "isn't JSON"),
        ("[]".encode("utf-16"), "isn't JSON"),
    ],
)
def test_what_is_no_json_is_a_transport_error(body, message):
    with pytest.raises(TransportError, match=message):
        read(body)


@pytest.mark.parametrize(
    ("body", "problems"),
    [
        ({"logs": {}}, ["Expected `array`, got `null` @ $.logs"]),
        ({"logs": {"x": 1}}, ["Expected `array`, got `object` @ $.logs"]),
        (b'{"x": ' + b"[" * 100_000, ["nested too deeply @ $"]),
        (b'{"logs": "\xff"}', ["Expected `array`, got `str` @ $.logs"]),
        ({"logs": None}, ["Expected `array`, got `null` @ $.logs"]),
        ({"logs": ["x"]}, ["Expected `object`, got `str` @ $.logs[0]"]),
        ({"logs": [LOG, {**LOG, "flow_id": "1"}]}, ["Expected `int`, got `str` @ $.logs[1].flow_id"]),
        ({"logs": [{**LOG, "flow_id": 1.5}]}, ["Expected `int`, got `float` @ $.logs[0].flow_id"]),
        ({"logs": [{**LOG, "flow_id": True}]}, ["Expected `int`, got `bool` @ $.logs[0].flow_id"]),
        ({"logs": [{**LOG, "flow_name": None}]}, ["Expected `str`, got `null` @ $.logs[0].flow_name"]),
        ({"logs": [{**LOG, "comment": 7}]}, ["Expected `str`, got `int` @ $.logs[0].comment"]),
        ({"logs": [{**LOG, "operator": {"name": 7}}]}, ["Expected `str`, got `int` @ $.logs[0].operator.name"]),
        ({"logs": [{**LOG, "create_time": ""}]}, ["Expected `datetime`, got `null` @ $.logs[0].create_time"]),
        (
            {"logs": [{**LOG, "create_time": "2024-01-09T03:16:35.447", "attachments": [{"size": "1"}, 7]}]},
            [
                "Expected `datetime` with a timezone component @ $.logs[0].create_time",
                "Expected `int`, got `str` @ $.logs[0].attachments[0].size",
                "Expected `object`, got `int` @ $.logs[0].attachments[1]",
            ],
        ),
        ({"logs": [7] * 10_000}, [f"Expected `object`, got `int` @ $.logs[{index}]" for index in range(20)]),
    ],
)
def test_every_fault_is_named_with_its_path(body, problems):
    with pytest.raises(DecodeError) as caught:
        read(body)
    assert list(caught.value.problems) == problems


@pytest.mark.parametrize("body", [[], {}, None, 7, "text", True, {"error": "log in first"}])
def test_json_that_is_not_the_services_is_a_transport_error(body):
    with pytest.raises(TransportError, match="some gateway or proxy answered"):
        read(body)


def test_empty_objects_and_empty_times_are_nothing():
    log = {**LOG, "signature": {}, "operator": {}, "finish_time": "", "attachments": [{}, {"name": "a", "url": None}]}
    compact = json.dumps({"logs": [log]}, separators=(",", ":")).encode()
    for body in ({"logs": [log]}, compact, compact.replace(b"{}", b"{\r\n\t }")):
        (found,) = read(body).logs
        assert (found.signature, found.operator, found.finish_time) == (None, None, None)
        assert [file.url for file in found.attachments] == [None, None]
        assert found.extra == {}


@pytest.mark.parametrize("operator", ['{"name": "n"}', '{"zzz": 1}', '{"zzz": %s}' % ("9" * 5000)])
def test_a_number_that_no_parser_takes_loses_nothing_in_a_field_that_nobody_looks_at(operator):
    log = json.dumps(LOG)[:-1] + f', "operator": {operator}, "zz": {"9" * 5000}}}'
    (found,) = read(f'{{"logs": [{log}]}}'.encode()).logs
    assert found.flow_name == LOG["flow_name"]
    assert found.operator is not None


def test_an_object_with_any_field_is_something():
    (found,) = read({"logs": [{**LOG, "operator": {"seat": 5}, "signature": {"url": None}}]}).logs
    assert found.operator.extra == {"seat": 5}
    assert found.signature.url is None


@pytest.mark.parametrize(
    "member", [{"username": None, "name": None}, {"username": "u", "name": None}, {"name": "n", "departments": None}]
)
def test_a_member_may_lack_a_name(member):
    (found,) = read({"logs": [{**LOG, "operator": member}]}).logs
    assert (found.operator.username, found.operator.name) == (member.get("username"), member.get("name"))


@pytest.mark.parametrize(
    "text", ["a:{}b", '":{}', '": { }', ": {}", ":{} see", "{}", '\\":{}', 'x"y":{}', '"finish_time":""']
)
def test_what_looks_like_nothing_within_a_text_stays(text):
    log = {**LOG, "comment": text, "signature": {}, "finish_time": ""}
    for separators in ((",", ":"), (", ", ": ")):
        (found,) = read(json.dumps({"logs": [log]}, separators=separators).encode()).logs
        assert (found.comment, found.signature, found.finish_time) == (text, None, None)


def test_null_and_missing_are_the_same_where_the_vendor_leaves_it_open():
    optional = ("finish_action", "finish_time", "comment", "signature", "attachments", "operator")
    missing, null = read({"logs": [LOG, {**LOG, **dict.fromkeys(optional)}]}).logs
    assert missing == null
    assert null.attachments == ()
    assert null.finish_time is None


@pytest.mark.parametrize("text", [r"half \ud83d", r"NaN is a word", r"\\ud83d"])
def test_a_page_that_strict_parsers_refuse_is_read_all_the_same(text):
    body = b'\xef\xbb\xbf{"logs": [%s], "x": NaN}' % json.dumps(LOG)[:-1].encode().__add__(
        b', "comment": "%s"}' % text.encode()
    )
    (log,) = read(body).logs
    assert log.comment == json.loads(f'"{text}"').replace("\ud83d", "\ufffd")
    log.comment.encode()


def test_renamed_fields_are_read_under_their_wire_names_only():
    wire = {"_id": "r1", "id": "a widget's alias", "appId": "a", "flowState": 0, "_widget_1": 7}
    (record,) = read({"data": [wire]}, RecordsPage).data
    assert (record.id, record.app_id, record.form_id, record.flow_state) == ("r1", "a", None, 0)
    assert record.extra == {"id": "a widget's alias", "_widget_1": 7}


@pytest.mark.parametrize("wrap", [lambda member: member, lambda member: [member], lambda member: [member, member]])
def test_assignee_may_be_one_or_a_list(wrap):
    member = {"username": "u", "name": "n"}
    task = {"task_id": "t", "flow_id": 1, "flow_name": "a", "create_time": "2024-01-09T03:16:35.447Z"}
    instance = {"instance_id": "i", "status": 0, "create_time": "2024-01-09T03:16:35.447Z"}
    read_ = read({**instance, "tasks": [{**task, "assignee": wrap(member)}]}, WorkflowInstance)
    assert set(read_.tasks[0].assignees) == {Member(username="u", name="n")}
    assert read({**instance, "tasks": [task]}, WorkflowInstance).tasks[0].assignees == ()


def test_cattrs_says_the_same_of_a_task_as_the_fast_path():
    task = {"task_id": "t", "flow_id": 1, "flow_name": "a", "create_time": "2024-01-09T03:16:35.447Z", "assignee": 3}
    with pytest.raises(DecodeError, match="assignee"):
        structure(task, Task)


def test_a_model_as_a_dict_can_be_written_as_json():
    attachment = {"name": "a", "size": 1, "mime": "b", "url": "https://h/a?e=1&token=t"}
    (log,) = read({"logs": [{**LOG, "operator": {"username": "u", "new": 1}, "attachments": [attachment]}]}).logs
    written = json.loads(json.dumps(log.to_dict()))
    assert written == log.to_dict()
    assert written["attachments"] == [attachment]
    assert (written["operator"]["username"], "new" in written["operator"]) == ("u", False)
    assert [written[name] for name in ("finish_time", "signature")] == [None, None]


def test_unstructured_is_what_was_structured():
    (log,) = read({"logs": [{**LOG, "finish_time": "2024-01-09T11:16:35.447+08:00"}]}).logs
    fields = log.to_dict()
    assert fields["create_time"] == "2024-01-09T03:16:35.447Z"
    assert fields["finish_time"] == "2024-01-09T11:16:35.447+08:00"
    assert structure(fields, WorkflowLog) == log
    assert log.create_time == datetime(2024, 1, 9, 3, 16, 35, 447_000, tzinfo=UTC)


@attrs.frozen(kw_only=True)
class Inner(Model):
    name: str = ""


@attrs.frozen(kw_only=True)
class Outer(Model):
    inner: Inner | None = None


@attrs.frozen(kw_only=True)
class Either(Model):
    one: Inner | Outer | None = None


def test_a_field_may_hold_models_of_several_classes():
    document = Document(b'{"one": {"inner": {"more": 1}}}')
    inner = Inner()
    bind(Either(one=Outer(inner=inner)), document)
    assert inner.extra == {"more": 1}
