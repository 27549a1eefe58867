"""What is still to do: after changes, after a run that was cut short, after a failure."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from given import KINDS, Given, begun, log_row, put, queue_of

from workflowkit import Archive, harvest
from workflowkit.archive.listed import Enqueued
from workflowkit.archive.queue import Job, Together
from workflowkit.source import AttachmentRow, Batch, Chunk, InstanceRef, LogRow, NodeRow, TaskRow

TODO, DONE = Enqueued(queued=1), Enqueued(done=1)


@pytest.fixture
async def archive(tmp_path):
    async with Archive.open(tmp_path / "a.db") as opened:
        yield opened


def empty(*kinds):
    return Batch(rows=(), kinds=kinds, requests=1)


async def test_an_instance_is_taken_up_again_when_it_has_changed_or_lacks_what_is_wanted(archive):
    async def named(*kinds, **told):
        run = await begun(archive, kinds=kinds)
        found = await run.enqueue(Chunk(refs=[InstanceRef(id="i", **told)]), last=True)
        for job in await run.claim(1, without=()):
            await run.store(job, empty(*kinds))
        await run.end()
        return found

    assert await named(status="RUNNING") == TODO
    assert await named(status="RUNNING") == DONE
    assert await named() == DONE, "a listing that doesn't tell the status changes nothing"
    assert await named(status="FINISHED") == TODO
    assert await named(NodeRow, status="FINISHED") == TODO, "its nodes were never asked for"
    assert await named(NodeRow, status="FINISHED") == DONE
    assert await named(status="FINISHED") == DONE
    assert await named(LogRow, TaskRow, AttachmentRow) == TODO
    assert await named(LogRow, AttachmentRow) == DONE, "more than is wanted is there"


async def test_what_was_open_is_asked_for_again_once_by_each_run(archive):
    async def listed(run, **told):
        return await run.enqueue(Chunk(refs=[InstanceRef(id="i", **told)]), last=True)

    first = await begun(archive, kinds=(NodeRow,))
    assert await listed(first, is_open=True, status="0") == TODO
    await first.store(Job("i", None), empty(NodeRow))
    cut_short = await begun(archive, kinds=(NodeRow,))
    assert await listed(cut_short, is_open=True, status="0") == DONE, "this run has harvested it"
    await cut_short.end()
    second = await begun(archive, kinds=(NodeRow,))
    assert await listed(second, is_open=True, status="0") == TODO
    await second.store(Job("i", None), empty(NodeRow))
    await second.end()
    third = await begun(archive, kinds=(NodeRow,))
    assert await listed(third, is_open=False, status="1") == TODO, "it has ended since"
    await third.store(Job("i", None), empty(NodeRow))
    await third.end()
    assert await listed(await begun(archive, kinds=(NodeRow,)), is_open=False, status="1") == DONE


async def test_a_refresh_that_is_cut_short_goes_on(archive):
    refs = Chunk(refs=[InstanceRef(id="i"), InstanceRef(id="j")])
    first = await begun(archive)
    await first.enqueue(refs, last=True)
    await first.store(Job("i", None), empty())
    await first.store(Job("j", None), empty())
    await first.end()
    refresh = await begun(archive, refresh=True)
    assert await refresh.enqueue(refs, last=True) == Enqueued(queued=2)
    await refresh.store(Job("i", None), empty())
    again = await begun(archive, refresh=True)
    assert again._began_at == refresh._began_at
    assert await again.enqueue(refs, last=True) == Enqueued(queued=1, done=1)
    await again.store(Job("j", None), empty())
    await again.end()
    assert await (await begun(archive)).enqueue(refs) == Enqueued(done=2)
    assert await (await begun(archive, refresh=True)).enqueue(refs) == Enqueued(queued=2)


async def test_what_has_failed_is_taken_up_when_that_is_asked_for_and_once(archive):
    refs = Chunk(refs=[InstanceRef(id="i")])
    run = await begun(archive)
    await run.enqueue(refs, last=True)
    await run.fail("i", "gone")
    await run.end()
    assert await (await begun(archive)).enqueue(refs) == Enqueued(failed=1)
    retry = await begun(archive, retry_failed=True)
    assert await retry.enqueue(refs) == TODO
    await retry.fail("i", "still gone")
    assert await (await begun(archive, retry_failed=True)).enqueue(refs) == Enqueued(failed=1), "it was cut short"


async def test_a_listing_that_was_cut_short_goes_on_where_it_was(archive):
    run = await begun(archive, resumable=True)
    await run.enqueue(Chunk(refs=[InstanceRef(id="a"), InstanceRef(id="b"), InstanceRef(id="c")], cursor="page 2"))
    await run.store(Job("a", None), empty())
    await run.fail("b", "gone")
    again = await begun(archive, resumable=True)
    assert (again.cursor, again.is_listed, again.listed_before) == (
        "page 2",
        False,
        Enqueued(queued=1, done=1, failed=1),
    )
    assert await again.claim(10, without=()) == [Job("c", None)]
    await again.enqueue(Chunk(refs=[InstanceRef(id="d")]), last=True)
    third = await begun(archive, resumable=True)
    assert (third.is_listed, third.listed_before) == (True, Enqueued(queued=2, done=1, failed=1))
    other = await begun(archive, resumable=True, name="of another source")
    assert (other.cursor, other.is_listed, await other.claim(10, without=())) == (None, False, [])


async def test_a_source_that_cannot_go_on_begins_again_and_only_with_what_it_names(archive):
    run = await begun(archive)
    await run.enqueue(Chunk(refs=[InstanceRef(id="a"), InstanceRef(id="b")]))
    again = await begun(archive)
    assert (again.listed_before, again.cursor, again.is_listed) == (Enqueued(), None, False)
    assert await again.enqueue(Chunk(refs=[InstanceRef(id="b")])) == TODO
    assert await again.claim(10, without=()) == [Job("b", None)]


async def test_options_that_differ_are_another_run(archive):
    run = await begun(archive, resumable=True)
    await run.enqueue(Chunk(refs=[InstanceRef(id="a")], cursor="page 2"))
    assert (await begun(archive, resumable=True, kinds=(NodeRow,))).cursor is None
    assert (await begun(archive, resumable=True, refresh=True)).cursor is None


async def test_what_is_under_way_is_not_taken_twice(archive):
    run = await begun(archive)
    await run.enqueue(Chunk(refs=[InstanceRef(id=each) for each in "abcde"]))
    taken = [job.instance_id for job in await run.claim(2, without=())]
    assert taken == ["a", "b"]
    assert [job.instance_id for job in await run.claim(2, without=taken)] == ["c", "d"]


async def test_a_cursor_is_good_for_the_same_kinds_only(archive):
    kinds = (LogRow, AttachmentRow)
    run = await begun(archive, kinds=kinds)
    await run.enqueue(Chunk(refs=[InstanceRef(id="i")]))
    await run.store(Job("i", None), Batch(rows=(), kinds=kinds, cursor=100, requests=1))
    assert (await archive.counts()).partial == 1
    assert await run.claim(1, without=()) == [Job("i", 100)]
    other = await begun(archive, kinds=(LogRow,))
    await other.enqueue(Chunk(refs=[InstanceRef(id="i")]))
    assert await other.claim(1, without=()) == [Job("i", None)]


async def test_who_lost_instances_to_another_run_lists_anew_and_finds_them(archive):
    refs = [InstanceRef(id=each) for each in "abc"]
    stopped = await begun(archive, resumable=True, name="app")
    await stopped.enqueue(Chunk(refs=refs), last=True)
    other = await begun(archive, name="ids")
    await other.enqueue(Chunk(refs=refs[:2]), last=True)
    again = await begun(archive, resumable=True, name="app")
    assert (again.cursor, again.is_listed) == (None, False)
    assert await again.enqueue(Chunk(refs=refs), last=True) == Enqueued(queued=3)


async def test_a_change_that_a_second_listing_tells_is_not_swallowed(archive):
    async def listed(run, **told):
        return await run.enqueue(Chunk(refs=[InstanceRef(id="i", **told)], cursor="more"))

    run = await begun(archive, kinds=(NodeRow,), resumable=True)
    assert await listed(run, status="RUNNING", is_open=True) == TODO
    assert await listed(run, status="FINISHED", is_open=False) == Enqueued(), "it is being read, perhaps from before"
    await run.store(Job("i", None), empty(NodeRow))
    assert await listed(run, status="FINISHED", is_open=False) == TODO
    await run.store(Job("i", None), empty(NodeRow))
    again = await begun(archive, kinds=(NodeRow,), resumable=True)
    assert await listed(again, status="FINISHED", is_open=False) == Enqueued()
    assert await listed(again, status="TERMINATED", is_open=False) == TODO


async def test_a_run_that_is_continued_makes_no_other_look_newer(archive):
    """A is never finished, B is each day: what B harvested yesterday was not harvested today."""
    await (await begun(archive, name="a", resumable=True)).enqueue(Chunk(refs=[InstanceRef(id="x")], cursor="on"))
    await put(archive, "i")
    together = Together()
    unfinished = Given(name="a", resumable=True)
    a = queue_of(archive, unfinished, together=together)
    b = queue_of(archive, Given(name="b", kinds=KINDS), refresh=True, together=together)
    await a.begin()
    assert a.cursor == "on", "it continues"
    await b.begin()
    assert (await b.enqueue(Chunk(refs=[InstanceRef(id="i")]), last=True)).queued == 1


async def test_who_lost_an_instance_to_another_run_stores_nothing_more_of_it(archive):
    refs = Chunk(refs=[InstanceRef(id="i")])
    page = Batch(rows=[log_row(0)], kinds=KINDS, cursor=1, requests=1)
    slow = await begun(archive, name="slow", kinds=KINDS)
    await slow.enqueue(refs)
    assert await slow.store(Job("i", None), page)
    other = await begun(archive, name="other", kinds=KINDS)
    await other.enqueue(refs)
    assert await other.claim(1, without=()) == [Job("i", 1)], "it continues where the first one was"
    assert not await slow.store(Job("i", None), Batch(rows=[log_row(1)], kinds=KINDS, first=1, requests=1))
    await slow.fail("i", "gone")
    counts = await archive.counts()
    assert (counts.partial, counts.done, counts.failed, counts.logs) == (1, 0, 0, 1)


async def test_an_instance_that_two_sources_list_is_read_once(archive):
    reads = Counter[str]()

    class Counting(Given):
        async def batches(self, instance_id, after=None):
            reads[instance_id] += 1
            await asyncio.sleep(0.01)
            yield Batch(rows=[log_row()], kinds=self.kinds, requests=1)

    ids = [str(number) for number in range(40)]
    first = Counting(dict.fromkeys(ids[:30], ()), kinds=KINDS, name="first")
    second = Counting(dict.fromkeys(ids[10:], ()), kinds=KINDS, name="second")
    summary = await harvest([first, second], archive, concurrency=3)
    assert reads == Counter(ids)
    assert summary.done == 40
    assert (await archive.counts()).logs == 40
