from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator

import pytest

from workflowkit.errors import DecodeError
from workflowkit.paginator import Cursor, Page, Paginator


def numbers(count: int, limit: int, seen: list[Cursor | None]) -> Paginator[int]:
    async def fetch(cursor: Cursor | None) -> Page[int]:
        seen.append(cursor)
        await asyncio.sleep(0)
        start = int(cursor or 0)
        items = tuple(range(start, min(start + limit, count)))
        return Page(items=items, cursor=start + len(items) if len(items) == limit else None)

    return Paginator(lambda: fetch)


@pytest.mark.parametrize(("count", "requests"), [(0, 1), (1, 1), (9, 1), (10, 2), (11, 2), (25, 3)])
async def test_awaited_it_is_a_list(count, requests):
    seen: list[Cursor | None] = []
    assert await numbers(count, 10, seen) == list(range(count))
    assert len(seen) == requests


async def test_all_is_a_coroutine_for_tasks():
    assert await asyncio.create_task(numbers(25, 10, []).all()) == list(range(25))
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(numbers(count, 10, []).all()) for count in (0, 11)]
    assert [len(task.result()) for task in tasks] == [0, 11]


def test_a_plain_loop_is_told_what_to_use():
    with pytest.raises(TypeError, match="use `async for`, or `await` it for a list"):
        list(numbers(1, 1, []))


def test_its_repr_says_what_it_is_and_that_nothing_was_sent():
    async def fetch(_: object) -> Page[int]:
        raise AssertionError

    listing: Paginator[int] = Paginator(lambda: fetch, "jodoo.workflow_logs of i1")
    assert repr(listing) == "<listing jodoo.workflow_logs of i1: nothing is sent until you await it or use `async for`>"


async def test_iterated_it_yields_items():
    assert [item async for item in numbers(25, 10, [])] == list(range(25))


async def test_a_stored_cursor_goes_on_from_there():
    pages = numbers(25, 10, []).pages()
    first = await anext(pages)
    rest = [item async for page in numbers(25, 10, []).pages(after=first.cursor) for item in page.items]
    assert [*first.items, *rest] == list(range(25))


async def test_breaking_out_sends_nothing_more():
    seen: list[Cursor | None] = []
    async for item in numbers(25, 10, seen):
        if item == 10:
            break
    await asyncio.sleep(0)
    assert seen == [None, 10]


async def test_each_use_starts_afresh():
    listing = numbers(3, 10, [])
    assert await listing == await listing == [0, 1, 2]


async def test_after_the_end_it_stays_ended():
    pages = numbers(3, 10, []).pages()
    assert len([page async for page in pages]) == 1
    with pytest.raises(StopAsyncIteration):
        await anext(pages)


async def test_the_same_cursor_twice_raises_instead_of_looping():
    for circle in ("a", "ab", "abcdefg"):
        turns = itertools.cycle(circle)

        async def fetch(cursor: Cursor | None, turns: Iterator[str] = turns) -> Page[int]:
            return Page(items=(1,), cursor=next(turns))

        with pytest.raises(DecodeError, match="no progress"):
            await Paginator(lambda: fetch)


async def test_an_error_reaches_the_caller_and_the_iterator_can_go_on():
    failing = [True]

    async def fetch(cursor: Cursor | None) -> Page[int]:
        if failing.pop() if failing else False:
            raise DecodeError(("x @ $",))
        return Page(items=(1,), cursor=None)

    pages = Paginator(lambda: fetch).pages()
    with pytest.raises(DecodeError):
        await anext(pages)
    assert (await anext(pages)).items == (1,)


def test_a_page_made_by_hand_has_no_raw():
    assert Page(items=(1,), cursor=None).raw == ()
