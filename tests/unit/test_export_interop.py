"""Exports in the tools that they are made for. It needs the `interop` extra; pm4py, whose licence is AGPL, by hand."""

from __future__ import annotations

import asyncio
import random
from functools import partial

import pytest
from invented import anything, node, run, store

from workflowkit import Archive
from workflowkit.export import export_to

pytestmark = pytest.mark.long


@pytest.fixture
async def files(tmp_path):
    """The events of an archive in each format, how many there are, and how many have ended."""
    rng = random.Random(7)
    async with Archive.open(tmp_path / "a.db") as archive:
        await store(archive, [anything(rng, number, tasks=True) for number in range(120)])
        await store(archive, [run(1, node(0), node(1, "FAILED"))], system="secmaster")
        events = [event async for event in archive.events()]
        for kind in ("csv", "jsonl", "parquet", "xes", "xes.gz"):
            await export_to(archive, "events", str(tmp_path / f"e.{kind}"), kind)
        table = await archive.to_arrow()
    return tmp_path, events, table


def read(library, path):
    return getattr(library, "read_json" if path.suffix == ".jsonl" else f"read_{path.suffix[1:]}")


async def test_pandas(files):
    pandas = pytest.importorskip("pandas", reason="the interop extra isn't installed")
    folder, events, _table = files
    for path in (folder / "e.csv", folder / "e.jsonl", folder / "e.parquet"):
        if path.suffix == ".parquet":
            pytest.importorskip("pyarrow", reason="pandas reads Parquet with it")
        lines = {"lines": True} if path.suffix == ".jsonl" else {}
        frame = await asyncio.to_thread(read(pandas, path), path, **lines)
        ended = pandas.to_datetime(frame["time:timestamp"], utc=True)
        assert len(frame) == len(events), path
        assert ended.notna().sum() == sum(event.end_time is not None for event in events), path


async def test_polars(files):
    polars = pytest.importorskip("polars", reason="the interop extra isn't installed")
    folder, events, table = files
    frames = [
        await asyncio.to_thread(polars.read_parquet, folder / "e.parquet"),
        await asyncio.to_thread(partial(polars.read_ndjson, infer_schema_length=None), folder / "e.jsonl"),
        await asyncio.to_thread(polars.read_csv, folder / "e.csv"),
        polars.DataFrame(table),
    ]
    assert [frame.height for frame in frames] == [len(events)] * 4
    assert str(frames[0].schema["time:timestamp"]) == "Datetime(time_unit='us', time_zone='UTC')"
    assert frames[0]["concept:name"].to_list() == [event.activity for event in events]


async def test_duckdb(files):
    duckdb = pytest.importorskip("duckdb", reason="the interop extra isn't installed")
    folder, events, _table = files

    def ask():
        with duckdb.connect() as connection:
            counts = [
                connection.execute(
                    f"SELECT count(*), count(DISTINCT \"concept:instance\") FROM '{folder}/e.{kind}'"
                ).fetchone()
                for kind in ("parquet", "csv", "jsonl")
            ]
            kind = connection.execute(f"SELECT typeof(\"time:timestamp\") FROM '{folder}/e.parquet'").fetchone()
            return counts, kind

    counts, kind = await asyncio.to_thread(ask)
    assert counts == [(len(events), len(events))] * 3
    assert kind == ("TIMESTAMP WITH TIME ZONE",)


async def test_pm4py(files):
    pm4py = pytest.importorskip("pm4py", reason="install it by hand: its licence is AGPL")
    folder, events, _ = files
    ended = [event for event in events if event.end_time is not None]

    def ask(name):
        log = pm4py.read_xes(str(folder / name))
        pairs = pm4py.objects.log.util.interval_lifecycle.to_interval(pm4py.convert_to_event_log(log))
        return len(log), sum(map(len, pairs)), log["case:concept:name"].nunique()

    for name in ("e.xes", "e.xes.gz"):
        both, intervals, cases = await asyncio.to_thread(ask, name)
        assert both == len(events) + len(ended)
        assert intervals == len(ended)
        assert cases == len({event.case_id for event in events})
