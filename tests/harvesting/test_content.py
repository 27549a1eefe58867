"""A harvest of a form keeps what people have filled in, beside the log."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime

import pytest
from starlette.responses import JSONResponse

from workflowkit import ApiError, Archive, ServerError, harvest
from workflowkit.archive import verify
from workflowkit.cli.systems import SYSTEMS
from workflowkit.jodoo.source import READERS
from workflowkit.sandbox.world import APP_ID, FORMS

PURCHASES, LEAVES, SUPPLIERS = FORMS
REFUSED = {
    "no permission": (403, {"code": 17023, "msg": "No permission"}),
    "not there": (400, {"code": 3000, "msg": "Invalid Form"}),
    "another shape": (200, {"widgets": [{"name": 7}], "forms": [{"name": "no id"}]}),
}


def refusing(server, monkeypatch, path, status, body):
    """Let one operation be refused."""
    answer = server.jodoo.answer
    monkeypatch.setattr(
        server.jodoo, "answer", lambda call: JSONResponse(body, status) if call.path.endswith(path) else answer(call)
    )


async def test_records_forms_and_labels_are_kept(free, jodoo, archive, query):
    summary = await harvest(jodoo.form_source(APP_ID), archive)
    assert (summary.done, summary.without_instance) == (60, free.world.count(SUPPLIERS))
    assert summary.requests == sum(free.jodoo.answered.values())
    assert await query("SELECT form_id, name FROM forms ORDER BY form_id") == list(FORMS.items())
    labels = await query("SELECT name, label, type FROM fields WHERE form_id = ? ORDER BY position", PURCHASES)
    assert labels[:2] == [("_widget_1508400000001", "Title", "text"), ("amount", "Amount", "number")]
    assert labels[-1] == ("_widget_1508400000006._widget_1508400000008", "Quantity", "number")
    records = await query("SELECT instance_id, form_id, creator, create_time, raw FROM records ORDER BY 1")
    assert len(records) == 60
    for instance_id, form_id, creator, create_time, raw in records:
        form, number = free.world.find(instance_id)
        sent = free.world.record(form, number, base=free.url)
        stored = json.loads(raw)
        for record in (sent, stored):
            for file in record.pop("_widget_1508400000005", ()):
                assert file.pop("url").startswith(free.url)  # each response has a link of its own
        assert (stored, form_id, creator) == (sent, form, sent["creator"]["name"])
        assert create_time == sent["createTime"]
    forms = await query("SELECT form_name, count(*) FROM instances GROUP BY 1")
    assert forms == [("Leave request", 30), ("Purchase request", 30)]
    assert await query("SELECT count(*) FROM records JOIN instances USING (tenant) WHERE id = instance_id AND "
                       "create_time = start_time AND records.creator = instances.creator") == [(60,)]  # fmt: skip


async def test_verify_compares_records(free, jodoo, archive, query):
    await harvest(jodoo.form_source(APP_ID), archive)
    readers = {("jodoo", table): reader for table, reader in READERS.items()}
    assert [problem async for problem in verify(archive, readers)] == []
    await query("UPDATE records SET creator = 'Eve' WHERE instance_id = (SELECT min(instance_id) FROM records)")
    (problem,) = [problem async for problem in verify(archive, readers)]
    assert problem.what == "records: creator isn't what raw says"
    assert {table for system in SYSTEMS for table in system.readers()} >= {"records"}


async def test_what_has_changed_replaces_what_was_there(free, jodoo, archive, query, monkeypatch):
    await harvest(jodoo.form_source(APP_ID, PURCHASES), archive)
    record, fields = free.world.record, free.world.fields
    refusing(free, monkeypatch, "/app/entry/list", 200, {"forms": [{"name": "Purchases", "entry_id": PURCHASES}]})
    monkeypatch.setattr(free.world, "record", lambda *which, **rest: {**record(*which, **rest), "amount": 1})
    monkeypatch.setattr(free.world, "fields", lambda _: {"widgets": [{"name": "amount", "label": "Sum"}]})
    summary = await harvest(jodoo.form_source(APP_ID, PURCHASES), archive)
    assert (summary.done, summary.skipped) == (0, 30)
    assert {json.loads(raw)["amount"] for (raw,) in await query("SELECT raw FROM records")} == {1}
    assert await query("SELECT DISTINCT form_name FROM instances") == [("Purchases",)]
    assert await query("SELECT label FROM fields WHERE name = 'amount'") == [("Sum",)]
    assert len(await query("SELECT 1 FROM fields")) == len(
        [field for each in fields(PURCHASES)["widgets"] for field in (each, *each.get("items", ()))]
    ), "a field that was removed keeps its label: older records have it"


@pytest.mark.parametrize("why", REFUSED)
async def test_labels_that_are_refused_are_left_out(free, jodoo, archive, query, monkeypatch, why):
    status, body = REFUSED[why]
    refusing(free, monkeypatch, "/widget/list", status, body)
    summary = await harvest(jodoo.form_source(APP_ID), archive)
    assert (summary.done, summary.failed) == (60, 0)
    assert await query("SELECT (SELECT count(*) FROM fields), (SELECT count(*) FROM records)") == [(0, 60)]


@pytest.mark.parametrize("why", REFUSED)
async def test_a_name_that_is_refused_is_left_out_if_the_form_is_given(free, jodoo, archive, query, monkeypatch, why):
    status, body = REFUSED[why]
    refusing(free, monkeypatch, "/app/entry/list", status, body)
    summary = await harvest(jodoo.form_source(APP_ID, PURCHASES), archive)
    assert (summary.done, summary.failed) == (30, 0)
    assert await query("SELECT count(*), count(form_name) FROM instances") == [(30, 0)]
    with pytest.raises(Exception, match=r"No permission|Invalid Form|entry_id"):
        await harvest(jodoo.form_source(APP_ID), archive)


async def test_a_page_of_a_proxy_is_no_refusal(free, jodoo, archive, monkeypatch):
    refusing(free, monkeypatch, "/widget/list", 403, {"message": "log in"})
    monkeypatch.setattr("workflowkit.harvesting.breaker._SHORTEST", 0.01)
    monkeypatch.setattr("workflowkit.harvesting.breaker._LONGEST", 0.02)
    with pytest.raises(ApiError, match="log in"):
        await harvest(jodoo.form_source(APP_ID), archive, max_outage=0.1)


async def test_a_listing_that_is_continued_asks_for_no_form_again(free, jodoo, tmp_path, query, archive):
    """The listing fails at each of its requests in turn, and the next run continues it."""
    async with Archive.open(tmp_path / "whole.db") as whole:
        await harvest(jodoo.form_source(APP_ID), whole)
    wanted = Counter(free.jodoo.answered)
    runs = 0
    for endpoint in ("form_fields", "form_records", "form_fields", "form_records", "form_fields", "form_records"):
        free.fault("500", times=2, endpoint=endpoint)
        free.jodoo.answered.clear()
        with pytest.raises(ServerError):
            await harvest(jodoo.form_source(APP_ID), archive, max_outage=0)
        runs += 1
        if await query("SELECT 1 FROM harvests WHERE listed"):
            break
    free.jodoo.answered.clear()
    summary = await harvest(jodoo.form_source(APP_ID), archive)
    assert runs > 1
    assert free.jodoo.answered["forms"] == 0, "their names were stored at once"
    assert free.jodoo.answered["form_fields"] < wanted["form_fields"] + 1
    assert summary.without_instance == free.world.count(SUPPLIERS)
    assert await query("SELECT count(*), count(form_name) FROM instances") == [(60, 60)]
    assert await query("SELECT count(DISTINCT form_id) FROM fields") == [(3,)]


async def test_what_another_source_has_read_without_tasks_is_read_again_with_them(free, jodoo, archive, query):
    """The other source ends while this one still lists."""
    ids = list(free.world.instance_ids(PURCHASES))
    free.fault("slow", endpoint="form_records", seconds=1.0)
    sources = [jodoo.log_source(ids), jodoo.form_source(APP_ID, PURCHASES, tasks=True)]
    await harvest(sources, archive)
    assert await query("SELECT DISTINCT stored_tables, form_name FROM instances") == [
        ("logs,tasks,links", "Purchase request")
    ]


async def test_a_field_without_a_name_spares_the_others(free, jodoo, archive, query, monkeypatch):
    widgets = [{"label": "no name"}, {"name": "amount", "label": "Sum", "items": [{"label": "x"}, {"name": "y"}]}]
    refusing(free, monkeypatch, "/widget/list", 200, {"widgets": widgets})
    await harvest(jodoo.form_source(APP_ID, PURCHASES), archive)
    assert await query("SELECT name, label, position FROM fields ORDER BY position") == [
        ("amount", "Sum", 0),
        ("amount.y", None, 1),
    ]


async def test_times_of_records_are_those_of_the_instances(free, jodoo, archive, query):
    await harvest(jodoo.form_source(APP_ID, LEAVES), archive)
    for instance_id, start in await query("SELECT id, start_time FROM instances"):
        form, number = free.world.find(instance_id)
        sent = datetime.fromisoformat(free.world.record(form, number)["createTime"])
        assert datetime.fromisoformat(start) == sent
