"""Responses that aren't the service's own say nothing about an instance."""

from __future__ import annotations

import asyncio
import json

import pytest
from starlette.responses import JSONResponse, Response

from workflowkit import ApiError, HarvestError, harvest
from workflowkit.sandbox.world import APP_ID, FORMS

PAGE = "<html><body>Please log in</body></html>"
FOREIGN = {
    **{str(status): Response(PAGE, status, media_type="text/html") for status in (302, 400, 403, 404, 408, 425, 511)},
    "empty 403": Response(status_code=403),
    "list": JSONResponse([]),
    "null": JSONResponse(None),
    "another object": JSONResponse({"error": "log in first"}),
    "another code": JSONResponse({"code": "AccessDenied", "message": "no"}, 403),
}


@pytest.fixture
def quick_outage(monkeypatch):
    monkeypatch.setattr("workflowkit.harvesting.breaker._SHORTEST", 0.01)
    monkeypatch.setattr("workflowkit.harvesting.breaker._LONGEST", 0.02)


@pytest.mark.parametrize("kind", FOREIGN)
async def test_in_the_middle_of_a_harvest_it_is_an_outage(free, jodoo, archive, monkeypatch, quick_outage, kind):
    answer, asked = free.jodoo.answer, 0

    def portal(call):
        nonlocal asked
        asked += call.path.endswith("/logs")
        return FOREIGN[kind] if 20 < asked < 100 and call.path.endswith("/logs") else answer(call)

    monkeypatch.setattr(free.jodoo, "answer", portal)
    summary = await harvest(jodoo.form_source(APP_ID), archive)
    assert (summary.done, summary.failed) == (60, 0)
    assert asked > 100


async def test_at_the_beginning_it_ends_the_harvest_and_nothing_is_recorded(free, jodoo, archive, monkeypatch):
    monkeypatch.setattr(free.jodoo, "answer", lambda call: FOREIGN["404"])
    with pytest.raises(ApiError, match="a proxy or a firewall may have answered|A proxy or a firewall may have"):
        await harvest(jodoo.log_source(list(free.world.instance_ids())), archive)
    counts = await archive.counts()
    assert (counts.failed, counts.pending) == (0, 60)


async def test_a_page_that_cannot_be_decoded_is_kept_as_it_came(free, jodoo, archive, query, monkeypatch):
    first, second, *_ = free.world.instance_ids()
    logs = free.world.logs
    odd = [{"flow_id": "not a number", "comment": "do not lose me"}]
    with monkeypatch.context() as patched:
        patched.setattr(
            free.world, "logs", lambda form, number, *rest: odd if number == 1 else logs(form, number, *rest)
        )
        summary = await harvest(jodoo.log_source([first, second]), archive)
    assert (summary.done, summary.failed) == (1, 1)
    ((instance_id, raw),) = await query("SELECT instance_id, raw FROM unread")
    assert (instance_id, json.loads(raw)) == (second, {"logs": odd})
    summary = await harvest(jodoo.log_source([first, second]), archive, retry_failed=True)
    assert (summary.done, summary.failed) == (1, 0)
    assert await query("SELECT count(*) FROM unread") == [(0,)]


async def test_records_without_an_instance_are_left_out(free, jodoo, archive, monkeypatch):
    record = free.world.record
    older = {5, 6, 7}
    monkeypatch.setattr(
        free.world,
        "record",
        lambda form, number, **rest: {
            **record(form, number, **rest),
            **({"flowState": None} if number in older else {}),
        },
    )
    suppliers = free.world.count(list(FORMS)[2])
    sources = [(jodoo.form_source(APP_ID), 2 * len(older) + suppliers)]
    sources += [(jodoo.form_source(APP_ID, next(iter(FORMS))), len(older))]
    for source, without in sources:
        summary = await harvest(source, archive)
        assert (summary.failed, summary.without_instance) == (0, without)
    assert (await archive.counts()).done == 60 - 2 * len(older)


@pytest.mark.parametrize("replaced", [False, True])
async def test_an_archive_that_is_not_at_its_path_any_more_ends_the_harvest(free, jodoo, archive, replaced):
    def move():
        content = archive.path.read_bytes()
        archive.path.rename(archive.path.with_name("elsewhere.db"))
        if replaced:
            archive.path.write_bytes(content)

    async def ids():
        for number, instance_id in enumerate(free.world.instance_ids()):
            if number == 20:
                await asyncio.to_thread(move)
            yield instance_id

    with pytest.raises(HarvestError, match="was deleted, moved or replaced"):
        await harvest(jodoo.log_source(ids()), archive)
