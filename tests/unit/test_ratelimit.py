from __future__ import annotations

import asyncio
import sys
import time

import pytest

from workflowkit import ratelimit
from workflowkit.errors import ConfigError
from workflowkit.ratelimit import (
    MOST_IN_FLIGHT,
    Ledger,
    Limiter,
    Turn,
    check_rate,
    ledger_of,
    limiter_of,
)

LOOP = asyncio.new_event_loop()


def ledger_with(in_flight: int, *ended: float, window: float = 1.0) -> Ledger:
    ledger = Ledger()
    ledger.longest_window = window
    ledger.ended.extend(ended)
    for _ in range(in_flight):
        ledger.take(LOOP)
    return ledger


@pytest.fixture(autouse=True, scope="module")
def _close_the_loop():
    yield
    LOOP.close()


def test_ledger_counts_what_is_in_flight_and_what_ended_within_the_window():
    assert ledger_with(0).opens(2, 1.0, now=10.0) == 10.0
    assert ledger_with(1, 9.5).opens(2, 1.0, now=10.0) == 10.5
    assert ledger_with(2, 9.5).opens(2, 1.0, now=10.6) is None
    assert ledger_with(1, 9.5).opens(2, 1.0, now=10.5) == 10.5


def test_ledger_waits_for_as_many_as_are_missing():
    ledger = ledger_with(0, 8.5, 9.5, 9.75, window=2.0)
    assert ledger.opens(2, 1.0, now=10.0) == 10.5
    assert ledger.opens(1, 1.0, now=10.0) == 10.75
    assert ledger.opens(2, 2.0, now=10.0) == 11.5


def test_no_more_in_flight_than_a_pool_of_connections_can_bear():
    assert ledger_with(MOST_IN_FLIGHT - 1).opens(sys.maxsize, 0.0, now=10.0) == 10.0
    assert ledger_with(MOST_IN_FLIGHT).opens(sys.maxsize, 0.0, now=10.0) is None


def test_without_an_answer_the_server_may_count_it_later_still():
    ledger = ledger_with(3)
    now = time.monotonic()
    ledger.give_back(LOOP, sent_at=now, answered_at=None)
    assert ledger.ended[-1] >= now + 1.0
    ledger.give_back(LOOP, sent_at=now, answered_at=now + 5.0)
    ledger.give_back(LOOP, sent_at=now, answered_at=None)
    assert ledger.ended[-1] >= now + 4.9
    assert list(ledger.ended) == sorted(ledger.ended)


def test_requests_of_a_loop_that_was_closed_under_them_have_ended():
    ledger = ledger_with(0)
    dead = asyncio.new_event_loop()
    ledger.take(dead)
    ledger.take(dead)
    dead.close()
    assert ledger.opens(2, 1.0, now=10.0) == 11.0
    assert ledger.in_flight == 0
    ledger.give_back(dead, sent_at=None, answered_at=None)
    assert ledger.in_flight == 0


def test_closed_loops_are_forgotten():
    async def use() -> None:
        limiter_of("forgotten", 3)

    for _ in range(5):
        asyncio.run(use())
    assert len([loop for loop in ratelimit._limiters if loop.is_closed()]) <= 1


def test_cooldown_only_moves_later():
    ledger = Ledger()
    ledger.cool_down(5.0)
    deadline = ledger.not_before
    ledger.cool_down(1.0)
    assert ledger.not_before == deadline


async def test_no_more_than_the_limit_before_the_first_window_has_passed():
    limiter = Limiter(Ledger(), 5)
    sends: list[float] = []

    async def one() -> None:
        await limiter.acquire()
        sends.append(time.monotonic())
        limiter.release(sent_at=time.monotonic(), answered_at=time.monotonic())

    await asyncio.gather(*(one() for _ in range(12)))
    assert all(later - earlier > 1.0 for earlier, later in zip(sends, sends[5:], strict=False))


async def test_waiters_leave_in_the_order_they_came():
    limiter = Limiter(Ledger(), 1000)
    order: list[int] = []

    async def one(number: int) -> None:
        await limiter.acquire()
        order.append(number)
        limiter.release(sent_at=None, answered_at=None)

    await asyncio.gather(*(one(number) for number in range(50)))
    assert order == sorted(order)


async def test_a_cancelled_waiter_takes_no_slot():
    ledger = Ledger()
    limiter = Limiter(ledger, 1)
    await limiter.acquire()
    waiter = asyncio.create_task(limiter.acquire())
    await asyncio.sleep(0.01)
    waiter.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiter
    assert ledger.in_flight == 1
    limiter.release(sent_at=None, answered_at=None)
    await asyncio.wait_for(limiter.acquire(), 2)


async def test_a_turn_that_was_not_sent_gives_its_slots_back_at_once():
    narrow, broad = Ledger(), Ledger()
    turn = Turn((Limiter(narrow, 1), Limiter(broad, 1)))
    await turn.wait()
    with turn:
        assert (narrow.in_flight, broad.in_flight) == (1, 1)
    assert (narrow.in_flight, broad.in_flight, len(narrow.ended), len(broad.ended)) == (0, 0, 0, 0)


async def test_a_turn_that_was_sent_keeps_them_for_a_window():
    ledger = Ledger()
    turn = Turn((Limiter(ledger, 1),))
    await turn.wait()
    with turn:
        turn.sent_at = turn.answered_at = time.monotonic()
    assert (ledger.in_flight, len(ledger.ended)) == (0, 1)


async def test_a_turn_waits_no_longer_than_told_and_then_holds_nothing():
    narrow, broad = Ledger(), Ledger()
    broad.take(asyncio.get_running_loop())
    turn = Turn((Limiter(narrow, 1), Limiter(broad, 1)))
    with pytest.raises(TimeoutError):
        await turn.wait(0.02)
    assert (narrow.in_flight, broad.in_flight) == (0, 1)


async def test_a_cooldown_that_begins_in_the_last_line_is_waited_for():
    narrow, broad = Ledger(), Ledger()
    limiters = (Limiter(narrow, None), Limiter(broad, None))
    broad.cool_down(0.05)
    turn = Turn(limiters)
    waiting = asyncio.create_task(turn.wait())
    await asyncio.sleep(0.01)
    narrow.cool_down(60)
    await asyncio.sleep(0.1)
    assert not waiting.done()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert (narrow.in_flight, broad.in_flight) == (0, 0)


async def test_without_a_rate_cooldowns_still_hold():
    ledger = Ledger()
    limiter = Limiter(ledger, None)
    await asyncio.wait_for(limiter.acquire(), 0.1)
    ledger.cool_down(60)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(limiter.acquire(), 0.02)


def test_what_was_sent_is_remembered_across_event_loops():
    async def one() -> int:
        turn = Turn((limiter_of("across-loops", 3),))
        await turn.wait()
        with turn:
            turn.sent_at = turn.answered_at = time.monotonic()
        return len(ledger_of("across-loops").ended)

    assert [asyncio.run(one()) for _ in range(3)] == [1, 2, 3]


async def test_one_scope_has_one_limiter_in_a_loop():
    assert limiter_of("same", 3) is limiter_of("same", 3)
    assert limiter_of("same", 3) is not limiter_of("other", 3)


@pytest.mark.parametrize("rate", [0, -1, float("nan"), float("inf")])
def test_impossible_rates_are_refused(rate):
    with pytest.raises(ConfigError, match="rate="):
        check_rate(rate)


@pytest.mark.parametrize("rate", [0.2, 30, None])
def test_possible_rates_are_not(rate):
    check_rate(rate)


async def test_a_limit_that_the_server_names_holds_for_every_limiter_of_the_scope_for_good():
    fast, unlimited = limiter_of("s", 1000.0), limiter_of("s", None)
    ledger_of("s").lower(5.0)
    ledger_of("s").lower(7.0)
    for limiter in (fast, limiter_of("s", 800.0), unlimited):
        await limiter.acquire()
        limiter.release(sent_at=None, answered_at=None)
    assert (fast._slots, limiter_of("s", 800.0)._slots) == (5, 5)
    assert unlimited._slots == sys.maxsize, "whoever lifts the limits lifts this one too"
    assert limiter_of("s", 3.0)._slots == 3


async def test_waiters_in_line_are_slowed_down_as_well():
    limiter = limiter_of("s", 50.0)
    began = time.monotonic()

    async def one() -> None:
        await limiter.acquire()
        limiter.release(sent_at=time.monotonic(), answered_at=time.monotonic())

    waiting = [asyncio.create_task(one()) for _ in range(8)]
    await asyncio.sleep(0)
    ledger_of("s").lower(5.0)
    await asyncio.gather(*waiting)
    assert time.monotonic() - began > 1.0
