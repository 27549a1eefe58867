"""SecMaster's times, in every form that the vendor's pages show."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from workflowkit._decode.converter import decode
from workflowkit._decode.document import Document
from workflowkit.errors import DecodeError
from workflowkit.secmaster import WorkflowInstance, times
from workflowkit.secmaster.times import read_times, write_time

BEIJING = timezone(timedelta(hours=8))


def read(value: object) -> datetime | None:
    body = json.dumps({"id": "i", "start_time": value}).encode()
    return decode(Document(body), WorkflowInstance).start_time


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2025-07-18T15:11:04.577Z+0800", datetime(2025, 7, 18, 15, 11, 4, 577_000, BEIJING)),
        ("2021-01-30T23:00:00Z+0800", datetime(2021, 1, 30, 23, tzinfo=BEIJING)),
        ("2021-01-30T23:00:00Z", datetime(2021, 1, 30, 23, tzinfo=UTC)),
        ("2023-04-27T13:00:00.000+08:00", datetime(2023, 4, 27, 13, tzinfo=BEIJING)),
        ("2023-04-27T13:00:00.000+0800", datetime(2023, 4, 27, 13, tzinfo=BEIJING)),
        ("2023-04-27T13:00:00.000Z-0330", datetime(2023, 4, 27, 13, tzinfo=timezone(-timedelta(hours=3, minutes=30)))),
        ("", None),
        (None, None),
    ],
)
def test_every_form(text, time):
    found = read(text)
    assert found == time
    assert found is None or (time is not None and found.utcoffset() == time.utcoffset())


@pytest.mark.parametrize(
    "value",
    [
        "yesterday",
        "2025-07-18",
        "2025-13-18T00:00:00Z+0800",
        "2023-04-27T13:00:00.000",  # without a zone it could be any
        1_752_822_664_577,
        10**30,
        True,
    ],
)
def test_what_is_no_time_is_refused_by_its_path(value):
    with pytest.raises(DecodeError, match=r"\$\.start_time"):
        read(value)


def test_texts_that_look_like_times_stay_as_they_are():
    body = json.dumps(
        {
            "id": "2025-07-18T15:11:04.577Z+0800",
            "name": '"start_time": "2025-07-18T15:11:04.577Z+0800"',
            "topology": {"audit_logs": [{"input": '{"end_time":"2025-07-18T15:11:04.577Z+0800"}', "output": "_time"}]},
        }
    ).encode()
    assert read_times(body) == body
    instance = decode(Document(body), WorkflowInstance)
    assert instance.id == "2025-07-18T15:11:04.577Z+0800"


@given(
    st.integers(0, 7_000_000_000_000_000).map(lambda us: datetime(1971, 1, 1, tzinfo=UTC) + timedelta(microseconds=us))
)
def test_what_is_written_reads_as_the_same_millisecond(time):
    text = write_time(time)
    assert text.endswith("Z+0800")
    found = read(text)
    assert found is not None
    assert found.utcoffset() == timedelta(hours=8)
    assert timedelta(0) <= time - found < timedelta(milliseconds=1)


@given(st.binary(max_size=200))
def test_anything_at_all_passes_through(body):
    read_times(b'{"start_time": "' + body)


_COMMON = "2025-07-18T15:11:04.577Z+0800"
_texts = st.sampled_from([_COMMON, "2025-07-18T15:11:04+08:00", "", "abcdefghijkZ+0800", '"Z+0800', "Z+0800", "_time"])


@given(
    st.lists(st.dictionaries(st.sampled_from(["start_time", "end_time", "name"]), _texts, max_size=3), max_size=4),
    st.sampled_from([(",", ":"), (", ", ": ")]),
)
@example([{"end_time": "", "name": "abcdefghijkZ+0800"}], (", ", ": "))
def test_the_short_way_for_common_times_is_the_long_way(records, separators):
    body = json.dumps(records, separators=separators).encode()
    assert read_times(body) == times._FIELD.sub(times._read, body)
