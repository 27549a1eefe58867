"""Long instances and long listings that are cut short go on where they were."""

from __future__ import annotations

import pytest

from workflowkit import AuthenticationError, JodooClient, TransportError, harvest
from workflowkit.sandbox.world import APP_ID, FORMS

LONG = 4_250
PAGES = 43


@pytest.fixture
def long(free, monkeypatch):
    """The id of an instance with many pages of logs."""
    instance_id = list(free.world.instance_ids())[20]
    count = free.world.log_count
    monkeypatch.setattr(
        free.world, "log_count", lambda form, number: LONG if number == 20 and form in FORMS else count(form, number)
    )
    return instance_id


@pytest.fixture
def cut_short(free, jodoo, archive, monkeypatch):
    """Harvests an instance of which the service gives so many pages, then refuses the key; mends it again."""

    async def run(instance_id, pages, **options):
        keys, logs = free.jodoo._keys, free.world.logs
        asked = []

        def served(form, number, skip, limit, base):
            asked.append(skip)
            if len(asked) == pages:
                free.jodoo._keys = {}
            return logs(form, number, skip, limit, base)

        with monkeypatch.context() as patched:
            patched.setattr(free.world, "logs", served)
            with pytest.raises(AuthenticationError):
                await harvest(jodoo.log_source([instance_id], **options), archive)
        free.jodoo._keys = keys

    return run


async def test_cut_at_page_37_it_goes_on_at_page_37(free, jodoo, query, long, cut_short, archive):
    await cut_short(long, 37)
    assert await query("SELECT state, cursor, logs FROM instances") == [("partial", 3700, 3700)]
    assert await query("SELECT count(*) FROM events") == [(0,)]
    assert (await archive.counts()).partial == 1
    before = free.jodoo.answered["workflow_logs"]
    summary = await harvest(jodoo.log_source([long]), archive)
    assert (summary.done, summary.logs, summary.requests) == (1, LONG - 3700, PAGES - 37)
    assert free.jodoo.answered["workflow_logs"] - before == PAGES - 37
    assert await query("SELECT state, cursor, logs, requests FROM instances") == [("done", None, LONG, PAGES)]
    assert await query("SELECT count(*), max(position), count(DISTINCT raw) > 1000 FROM logs") == [(LONG, LONG - 1, 1)]


@pytest.mark.parametrize("change", ["UPDATE logs SET raw = '{}' WHERE position = 3699", "DELETE FROM logs"])
async def test_if_the_last_row_is_another_one_it_starts_over(jodoo, archive, query, long, cut_short, change):
    await cut_short(long, 37)
    await query(change)
    summary = await harvest(jodoo.log_source([long]), archive)
    starts_over = 1 + PAGES if change.startswith("UPDATE") else PAGES - 37
    assert (summary.done, summary.requests) == (1, starts_over)
    if change.startswith("UPDATE"):
        assert await query("SELECT count(*), max(position) FROM logs") == [(LONG, LONG - 1)]


async def test_an_instance_that_has_shrunk_starts_over(free, jodoo, archive, query, long, cut_short, monkeypatch):
    await cut_short(long, 37)
    monkeypatch.setattr(free.world, "log_count", lambda form, number: 150)
    await harvest(jodoo.log_source([long]), archive)
    assert await query("SELECT count(*), max(position) FROM logs") == [(150, 149)]
    assert await query("SELECT state, logs FROM instances") == [("done", 150)]


async def test_with_tasks_they_are_asked_for_once(free, jodoo, query, long, cut_short, archive):
    await cut_short(long, 3, tasks=True)
    await harvest(jodoo.log_source([long], tasks=True), archive)
    assert free.jodoo.answered["workflow_instance"] == 1
    tasks = len(free.world.instance(*free.world.find(long), free.url, tasks=True)["tasks"])
    assert await query("SELECT (SELECT count(*) FROM tasks), (SELECT count(*) FROM logs)") == [(tasks, LONG)]


async def test_what_was_cut_short_without_tasks_starts_over_with_them(free, jodoo, query, long, cut_short, archive):
    await cut_short(long, 3)
    summary = await harvest(jodoo.log_source([long], tasks=True), archive)
    assert summary.requests == 1 + PAGES
    assert await query("SELECT state, stored_tables FROM instances") == [("done", "logs,tasks,links")]


async def test_exhaustive_goes_on_past_short_pages_to_an_empty_one(free, jodoo, archive, query, monkeypatch):
    short = free.world.edge_cases()["250 logs"]
    logs = free.world.logs
    monkeypatch.setattr(
        free.world, "logs", lambda form, number, skip, limit, base: logs(form, number, skip, min(limit, 40), base)
    )
    await harvest(jodoo.log_source([short]), archive)
    assert await query("SELECT logs FROM instances") == [(40,)]
    summary = await harvest(jodoo.log_source([short], exhaustive=True), archive, refresh=True)
    assert (summary.logs, summary.requests) == (250, 8)
    assert await query("SELECT state, logs FROM instances") == [("done", 250)]


async def test_a_listing_goes_on_where_it_was_and_what_was_listed_is_done(free, jodoo, archive, query, monkeypatch):
    keys, record = free.jodoo._keys, free.world.record

    def refuse(form, number, **rest):
        if form == list(FORMS)[1]:
            free.jodoo._keys = {}
        return record(form, number, **rest)

    with monkeypatch.context() as patched:
        patched.setattr(free.world, "record", refuse)
        with pytest.raises(AuthenticationError):
            await harvest(jodoo.form_source(APP_ID), archive)
    ((named, to_do),) = await query("SELECT count(*), count(run) FROM instances")
    assert named == 60
    assert to_do > 0
    free.jodoo._keys = keys
    before = dict(free.jodoo.answered)
    summary = await harvest(jodoo.form_source(APP_ID), archive)
    assert (summary.done, summary.skipped) == (to_do, 60 - to_do)
    assert free.jodoo.answered["forms"] == before["forms"]
    assert summary.without_instance == free.world.count(list(FORMS)[2])
    # The refusal may have come before or after the second form's page was stored: that one may come once more.
    assert free.jodoo.answered["form_records"] - before["form_records"] in (1, 2), "not the first form's"
    assert await query("SELECT cursor, ended_at IS NULL, instances FROM harvests") == [(None, 0, 60)]


async def test_when_the_listing_fails_in_between_it_is_waited_for(free, jodoo, archive, monkeypatch):
    monkeypatch.setattr("workflowkit.harvesting.breaker._SHORTEST", 0.02)
    monkeypatch.setattr("workflowkit.harvesting.breaker._LONGEST", 0.05)
    record = free.world.record
    failed: list[str] = []

    def then_fail(form, number, **rest):
        if number == 29 and not failed:
            failed.append(form)
            free.fault("500", times=9, endpoint="form_records")
        return record(form, number, **rest)

    monkeypatch.setattr(free.world, "record", then_fail)
    summary = await harvest(jodoo.form_source(APP_ID), archive)
    assert (summary.done, summary.failed) == (60, 0)


async def test_nobody_answers_at_first(archive, unused_tcp_port):
    async with JodooClient("k", base_url=f"http://127.0.0.1:{unused_tcp_port}/api") as client:
        with pytest.raises(TransportError):
            await harvest(client.form_source(APP_ID), archive)


async def test_a_place_that_is_not_there_any_more_is_listed_from_the_beginning(free, jodoo, archive, query):
    await harvest(jodoo.form_source(APP_ID), archive)
    for gone in (f"{next(iter(FORMS))},{list(FORMS)[1]}/6500cba900000000000fffff", "6573f1c2a9d4e80007b1cfff/"):
        await query("UPDATE harvests SET ended_at = NULL, cursor = ?, listed = 0", gone)
        summary = await harvest(jodoo.form_source(APP_ID), archive)
        assert (summary.done, summary.failed, summary.skipped) == (0, 0, 60)
        without = free.world.count(list(FORMS)[2])
        assert summary.without_instance == without
        assert await query("SELECT without_instance FROM harvests") == [(without,)]


async def test_two_sources_may_name_the_same_instances(free, jodoo, archive):
    for _ in range(2):
        sources = [jodoo.form_source(APP_ID), jodoo.form_source(APP_ID, next(iter(FORMS)))]
        await harvest(sources, archive, refresh=True)
    counts = await archive.counts()
    assert (counts.done, counts.pending, counts.failed) == (60, 0, 0)
