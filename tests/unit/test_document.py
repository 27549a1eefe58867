from __future__ import annotations

import copy
import json
import pickle

import attrs
import pytest

from workflowkit._decode.converter import decode
from workflowkit._decode.document import Document, parse, repair
from workflowkit.errors import DecodeError
from workflowkit.jodoo.models import LogsPage, Member, WorkflowLog

LOG = {"flow_id": 1, "flow_name": "a", "create_action": "forward", "create_time": "2024-01-09T03:16:35.447Z"}


def page(*logs: dict[str, object], **more: object) -> LogsPage:
    return decode(Document(json.dumps({"logs": logs, **more}).encode()), LogsPage)


def test_unknown_fields_are_reachable_at_every_depth():
    member = {"username": "u", "name": "n", "nickname": "Ace"}
    file = {"name": "f", "size": 1, "mime": "m", "url": "u", "pages": 3}
    logs = page({**LOG, "weight": 0.5, "operator": member, "attachments": [file, {**file, "pages": 4}]}, total=1)
    (log,) = logs.logs
    assert logs.extra == {"total": 1}
    assert log.extra == {"weight": 0.5}
    assert log.operator is not None
    assert log.operator.extra == {"nickname": "Ace"}
    assert [each.extra for each in log.attachments] == [{"pages": 3}, {"pages": 4}]


def test_a_field_called_extra_does_not_fill_extra():
    (log,) = page({**LOG, "extra": 1, "_origin": 2, "raw": 3}).logs
    assert log.extra == {"extra": 1, "_origin": 2, "raw": 3}


def test_extra_takes_no_part_in_equality_hash_and_repr():
    (plain,) = page(LOG).logs
    (more,) = page({**LOG, "weight": 0.5}).logs
    assert plain == more
    assert hash(plain) == hash(more)
    assert repr(plain) == repr(more)


def test_made_by_hand_there_is_no_extra():
    assert Member(username="u", name="n").extra == {}


def test_models_are_frozen_and_slotted():
    member = Member(username="u", name="n")
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        member.name = "x"  # type: ignore[misc]
    assert not hasattr(member, "__dict__")


@pytest.mark.parametrize("clone", [lambda log: pickle.loads(pickle.dumps(log)), copy.copy, copy.deepcopy])
def test_copies_keep_what_they_came_with(clone):
    (log,) = page({**LOG, "weight": 0.5, "operator": {"username": "u", "name": "n", "x": 1}}).logs
    twin = clone(log)
    assert twin == log
    assert twin.extra == log.extra == {"weight": 0.5}
    assert twin.operator.extra == {"x": 1}


def test_evolved_ones_are_made_by_hand():
    (log,) = page({**LOG, "weight": 0.5}).logs
    assert attrs.evolve(log, comment="x").extra == {}


def test_raw_is_what_was_sent_to_the_byte():
    first, second = b'{ "a" : 1.0e1 ,"b":"\\u00e9" }', b'{"a":2}'
    assert Document(b'{"logs": [' + first + b" , " + second + b"]}").raws("logs") == (first, second)


def test_raw_of_a_page_that_had_to_be_repaired_is_still_what_was_sent():
    pieces = (rb'{"c":"\ud83d"}', b'{"n":NaN}', rb'{"c":"\ud83d\ude00 \\ud83d"}')
    body = b"\xef\xbb\xbf" + b'{"logs":[' + b", ".join(pieces) + b"]}"
    assert Document(body).raws("logs") == pieces


@pytest.mark.parametrize(
    ("body", "repaired"),
    [
        (rb'"\ud83d"', rb'"\ufffd"'),
        (rb'"\ude00 x"', rb'"\ufffd x"'),
        (rb'"\ud83d\ude00"', rb'"\ud83d\ude00"'),
        (rb'"\ud83d\ud83d\ude00"', rb'"\ufffd\ud83d\ude00"'),
        (rb'"\\ud83d"', rb'"\\ud83d"'),
        (rb'{"c":"\ud8"}"}', rb'{"c":"\ud8"}"}'),
        (b'"\xff\xed\xa0\xbd"', b'"????"'),
        (rb'"\"NaN"', rb'"\"NaN"'),
        (b"[NaN, Infinity, -Infinity]", b"[0.0, 0.000000, 0.0000000]"),
        (b"\xef\xbb\xbf{}", b"   {}"),
    ],
)
def test_repairing_keeps_every_other_byte_in_its_place(body, repaired):
    assert repair(body) == repaired
    assert len(repaired) == len(body)


@pytest.mark.parametrize("body", [b"[" * 100_000, b"1" * 5000])
def test_what_no_parser_reads_is_a_decode_error(body):
    with pytest.raises(DecodeError, match=r"too deeply @ \$|digits"):
        parse(body)


def test_what_is_no_json_is_a_value_error():
    with pytest.raises(ValueError, match="Expecting"):
        parse(b"nope")


def test_extra_that_no_parser_reads_is_a_decode_error_when_asked_for():
    body = b'{"logs": [' + json.dumps(LOG)[:-1].encode() + b', "x": ' + b"1" * 5000 + b"}]}"
    (log,) = decode(Document(body), LogsPage).logs
    assert log.flow_id == 1
    with pytest.raises(DecodeError, match="digits"):
        _ = log.extra


def test_repairing_takes_linear_time_and_little_memory():
    assert len(repair(b'{"logs":[{"comment":"' + b'\\"' * 1_000_000)) == 2_000_021


def test_raw_is_cut_from_the_array_even_if_the_same_text_stands_before_it():
    body = rb'{"zz":{"c":"\ufffd"},"logs":[{"c":"\ud83d"}]}'
    assert Document(body).raws("logs") == (rb'{"c":"\ud83d"}',)


def test_a_log_keeps_the_page_it_came_from_and_nothing_else():
    log: WorkflowLog = page(LOG, LOG).logs[0]
    assert "_origin" not in {field.name for field in attrs.fields(WorkflowLog)}
    assert log.extra == {}


def test_elements_of_an_array_within_an_object():
    body = b'{"audit_logs": [0], "a": {"b": [ {"x":1}, "\\ud83d" ]}, "b": [2]}'
    assert Document(body).raws("a.b") == (b'{"x":1}', b'"\\ud83d"')
    for without in (b"{}", b'{"a": null}', b'{"a": {}}', b'{"a": {"b": null}}', b'{"a": null, "c": NaN}'):
        assert Document(without).raws("a.b") == ()
