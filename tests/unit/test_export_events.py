"""Events as files for process mining and data frames: they open in other tools, with the same rows."""

from __future__ import annotations

import asyncio
import csv
import gzip
import io
import json
import random
import sys
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET

import pytest
from arro3.io import read_parquet
from invented import MONDAY, anything, case, commented, log, node, run, store, task

from workflowkit import Archive, ConfigError, HarvestError
from workflowkit.archive import Where
from workflowkit.export import export_all, export_to
from workflowkit.export.xes import FOOTER, HEADER, escape

STANDARD = [
    "case:concept:name",
    "concept:name",
    "start_timestamp",
    "time:timestamp",
    "org:resource",
    "lifecycle:transition",
    "concept:instance",
]
OURS = ["system", "tenant", "position", "outcome", "origin", "resource_id", "flow_id", "create_action", "workflow"]
XES = "{http://www.xes-standard.org/}"


@pytest.fixture
async def archive(tmp_path):
    """All kinds of cases of one tenant, with the events that the view has of them."""
    rng = random.Random(5)
    async with Archive.open(tmp_path / "a.db") as opened:
        await store(opened, [anything(rng, number, tasks=number % 2 == 0) for number in range(80)])
        await store(opened, [run(1, node(0), node(1, "FAILED"))], system="secmaster")
        yield opened


async def count(archive):
    return sum([len(rows) async for _, rows in archive.read("events")])


async def exported(archive, to, table="events", **options):
    kind = options.pop("kind", to.suffix[1:])
    await export_to(archive, table, str(to), kind, **options)
    return to


async def test_they_have_the_standard_columns_then_ours(archive, tmp_path):
    file = await exported(archive, tmp_path / "e.csv")
    rows = list(csv.DictReader(io.StringIO(file.read_text("utf-8"))))
    assert list(rows[0]) == STANDARD + OURS
    assert len(rows) == await count(archive) > 200
    assert len({row["concept:instance"] for row in rows}) == len(rows)
    assert {row["lifecycle:transition"] for row in rows} == {"start", "complete"}
    assert all((row["time:timestamp"] == "") == (row["lifecycle:transition"] == "start") for row in rows)


@pytest.mark.parametrize("seed", range(4))
async def test_an_event_log_has_the_events_of_the_view(tmp_path, seed):
    rng = random.Random(seed)
    async with Archive.open(tmp_path / "a.db") as archive:
        for tenant in ("t", "u")[: 1 + seed % 2]:
            told = [anything(rng, number, tasks=rng.random() < 0.5) for number in range(60)]
            await store(archive, told, tenant=tenant)
        await store(archive, [run(1, node(0), node(1, "FAILED"))], system="secmaster")
        for where in (Where(), Where(form="f1"), Where(system="secmaster")):
            log = await exported(archive, tmp_path / "log.jsonl", where=where, raw=True)
            view = [event async for event in archive.events(where)]
            shown = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
            assert [each["concept:name"] for each in shown] == [event.activity for event in view]
            for each, event in zip(shown, view, strict=True):
                case = f"{event.tenant}/{event.case_id}" if seed % 2 else event.case_id
                assert (each["case:concept:name"], each["concept:instance"]) == (case, f"{case}-{event.position}")
                assert (each["lifecycle:transition"], each["org:resource"]) == (event.lifecycle, event.resource)
                assert all(each[name] == getattr(event, name) for name in OURS)
                end = event.end_time and event.end_time.isoformat(timespec="milliseconds")[:-6] + "Z"
                assert each["time:timestamp"] == end


async def test_columns_are_chosen_by_either_name(archive, tmp_path):
    file = await exported(archive, tmp_path / "e.csv", columns=["concept:name", "case:concept:name"])
    assert file.read_text("utf-8").splitlines()[0] == "concept:name,case:concept:name"
    file = await exported(archive, tmp_path / "e.jsonl", columns=["case_id", "end_time"])
    assert list(json.loads(file.read_text("utf-8").partition("\n")[0])) == ["case_id", "end_time"]
    file = await exported(archive, tmp_path / "e.csv", columns=["activity"])
    assert file.read_text("utf-8").startswith("activity\n")
    file = await exported(archive, tmp_path / "e.parquet", columns=["case_id", "time:timestamp", "end_time"])
    assert read_parquet(file).read_all().schema.names == ["case_id", "time:timestamp", "end_time"]
    for columns, says in ((["nonsense"], "choose of"), (["case_id", "case_id"], "there twice")):
        with pytest.raises(ConfigError, match=says):
            await exported(archive, tmp_path / "no.csv", columns=columns)
    assert not (tmp_path / "no.csv").exists()


async def test_equal_ids_of_two_tenants_are_two_cases(tmp_path):
    async with Archive.open(tmp_path / "a.db") as archive:
        for tenant in ("one", "two"):
            await store(archive, [case(1, task(0, MONDAY, 1))], tenant=tenant)
        file = await exported(archive, tmp_path / "e.csv", columns=["case:concept:name", "concept:instance"])
        assert file.read_text("utf-8").split()[1:] == ["one/c1,one/c1-0", "two/c1,two/c1-0"]
        log = ET.fromstring((await exported(archive, tmp_path / "e.xes")).read_bytes())
        names = [trace[0].attrib["value"] for trace in log.iter(f"{XES}trace")]
        assert names == ["one/c1", "two/c1"]


async def test_xes_has_a_start_and_a_complete_of_each_step(archive, tmp_path):
    steps = [event async for event in archive.events()]
    file = await exported(archive, tmp_path / "e.xes")
    log = ET.fromstring(file.read_bytes())
    events = [{part.attrib["key"]: part.attrib["value"] for part in event} for event in log.iter(f"{XES}event")]
    starts = [event for event in events if event["lifecycle:transition"] == "start"]
    assert len(starts) == len(steps)
    assert len(events) == len(steps) + sum(step.end_time is not None for step in steps)
    for event in events:
        assert {"concept:name", "concept:instance", "lifecycle:transition", "time:timestamp"} <= set(event)
        assert datetime.fromisoformat(event["time:timestamp"]).tzinfo is not None
        assert len(event["time:timestamp"]) == len("2025-01-06T08:00:00.000+00:00")
    assert all(trace.findall(f"{XES}event") for trace in log.iter(f"{XES}trace")), "no trace is empty"
    lines = file.read_text("utf-8").splitlines()
    assert all(line.count("key=") <= 1 for line in lines), "one attribute a line"
    again = await exported(archive, tmp_path / "e.xes.gz", kind="xes.gz")
    assert gzip.decompress(again.read_bytes()) == file.read_bytes()
    assert (await exported(archive, tmp_path / "f.xes.gz", kind="xes.gz")).read_bytes() == again.read_bytes()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a<b>&\"c'", "a&lt;b&gt;&amp;&quot;c'"),
        ("one\ttwo\r\nthree", "one&#9;two&#13;&#10;three"),
        ("\x00\x1b\ufffe\uffff\ud83d", "\ufffd" * 5),
        ("总经理审批 👍 =1+1", "总经理审批 👍 =1+1"),
    ],
)
def test_xes_holds_any_text(text, value):
    assert escape(text) == value
    parsed = ET.fromstring(f'<a b="{escape(text)}"/>'.encode()).attrib["b"]
    assert parsed == text or "\ufffd" in parsed


async def test_xes_has_events_only(archive, tmp_path):
    for table, columns in (("logs", None), ("events", ["activity"])):
        with pytest.raises(ConfigError, match="XES file has events"):
            await exported(archive, tmp_path / "e.xes", table, columns=columns)
    assert list(await export_all(archive, str(tmp_path / "all"), "xes")) == ["events.xes"]


async def test_parquet_has_types(archive, tmp_path):
    for table in ("events", "tasks", "logs", "nodes", "instances", "attachments"):
        file = await exported(archive, tmp_path / "t.parquet", table)
        found = await asyncio.to_thread(lambda path: read_parquet(path).read_all(), file)
        assert found.num_rows == sum([len(rows) async for _, rows in archive.read(table)]), table
        types = {name: str(found.schema.field(name).type) for name in found.schema.names}
        times = [name for name in types if name.endswith(("_time", "timestamp", "_at"))]
        assert all('Timestamp(µs, "UTC")' in types[name] for name in times), types
        assert all("Int64" in types[name] for name in types if name in {"position", "flow_id", "logs"})
        assert "raw" not in types
    assert "Boolean" in str((await archive.to_arrow("instances")).schema.field("is_open").type)


async def test_arrow_has_the_times_that_the_archive_has(archive):
    table = await archive.to_arrow("tasks")
    stored = [row[names.index("create_time")] async for names, rows in archive.read("tasks") for row in rows]
    times = table.column("create_time").to_pylist()
    assert [time.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z" for time in times] == stored
    assert (await archive.to_arrow()).schema.names == STANDARD + OURS
    assert (await archive.to_arrow("nodes", Where(system="jodoo"))).num_rows == 0


async def test_events_are_objects(archive):
    events = [event async for event in archive.events()]
    assert len(events) == await count(archive)
    assert all(event.start_time.tzinfo is UTC for event in events)
    assert {event.origin for event in events} == {"logs", "tasks", "nodes"}
    only = [event async for event in archive.events(Where(system="secmaster"))]
    assert [(event.activity, event.outcome) for event in only] == [
        ("queryAddress", "FINISHED"),
        ("queryAddress", "FAILED"),
    ]


async def test_instances_are_chosen_for_every_table(tmp_path):
    later = MONDAY + timedelta(days=30)
    async with Archive.open(tmp_path / "a.db") as archive:
        await store(archive, [case(1, task(0, MONDAY, 1), form_id="f1"), case(2, task(0, later, 1), form_id="f2")])
        await store(archive, [commented(3, log(0, later, 1))], tenant="other")
        await store(archive, [run(1, node(0))], system="secmaster")
        for where, cases in (
            (Where(form="f2"), ["c2"]),
            (Where(tenant="other"), ["c3"]),
            (Where(system="secmaster"), ["r1"]),
            (Where(since=later), ["c2", "c3"]),
            (Where(until=later), ["c1", "r1"]),
            (Where(since=later, until=later), []),
        ):
            found = {event.case_id async for event in archive.events(where)}
            assert sorted(found) == cases, where
            rows = {row[2] async for _, rows in archive.read("instances", where) for row in rows}
            assert sorted(rows) == cases, where
            if cases:
                text = (await exported(archive, tmp_path / "e.xes", where=where)).read_text("utf-8")
                assert [name for name in ("c1", "c2", "c3", "r1") if f'/{name}"' in text] == cases, where
        assert [row[2] async for _, rows in archive.read("tasks", Where(form="f1")) for row in rows] == ["c1"]
        with pytest.raises(ConfigError, match="belong to no instance"):
            await exported(archive, tmp_path / "f.csv", "forms", where=Where(form="f1"))


@pytest.mark.parametrize(
    ("to", "module"), [("e.parquet", "workflowkit.export.parquet"), (None, "workflowkit.archive.arrow")]
)
async def test_what_lacks_the_extra_says_how_to_install_it(archive, tmp_path, monkeypatch, to, module):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ConfigError, match=r"pip install 'workflowkit\[parquet\]'"):
        await (archive.to_arrow() if to is None else exported(archive, tmp_path / to))
    assert [path.name for path in tmp_path.iterdir() if "parquet" in path.name] == []


async def test_a_full_disk_leaves_no_file(archive, tmp_path):
    for kind in ("csv", "jsonl", "parquet", "xes", "xes.gz"):
        with pytest.raises(HarvestError, match="No space left"):
            await export_to(archive, "events", "/dev/full", kind)


async def test_a_cancelled_export_leaves_no_file(archive, tmp_path):
    for kind in ("csv", "parquet", "xes"):
        job = asyncio.create_task(export_to(archive, "events", str(tmp_path / f"e.{kind}"), kind))
        await asyncio.sleep(0.01)
        job.cancel()
        await asyncio.wait([job])
    assert not [path for path in tmp_path.iterdir() if path.suffix == ".part"]


async def test_xes_leaves_out_what_it_may_not_have(tmp_path):
    """An event without a time, an empty trace and disorder mislead other tools."""
    same = [task(place, MONDAY, 0, flow_name=f"step {place}", assignee_name=None) for place in range(4)]
    nameless = run(1, node(0, start_time=None, end_time=None), node(1, action_name=None))
    async with Archive.open(tmp_path / "a.db") as archive:
        await store(archive, [case(1, *same), case(2)])
        await store(archive, [nameless, run(2, node(0, start_time=None))], system="secmaster")
        log = ET.fromstring((await exported(archive, tmp_path / "e.xes")).read_bytes())
    traces = list(log.iter(f"{XES}trace"))
    assert [trace[0].attrib["value"] for trace in traces] == ["c1", "r1"]
    steps = [[part.attrib["value"] for part in event if part.attrib["key"] == "concept:name"] for event in traces[0]]
    assert [name for event in steps for name in event] == [f"step {place}" for place in (0, 0, 1, 1, 2, 2, 3, 3)]
    assert "org:resource" not in {part.get("key") for event in traces[0].iter(f"{XES}event") for part in event}
    assert len(traces[1].findall(f"{XES}event")) == 2, "the node without a time is none"


def test_xes_declares_what_every_event_has():
    log = ET.fromstring((HEADER + FOOTER).encode())
    events = log.find(f"{XES}global[@scope='event']")
    assert events is not None
    declared = {each.attrib["key"] for each in events}
    assert declared == {"concept:name", "concept:instance", "lifecycle:transition", "time:timestamp"}
    (classifier,) = log.findall(f"{XES}classifier")
    assert classifier.attrib["name"].isalpha(), "a name without spaces"
    assert set(classifier.attrib["keys"].split()) <= declared
