from __future__ import annotations

import asyncio
import time

import pytest

from workflowkit.errors import ConfigError
from workflowkit.ratelimit import Ledger, Limiter, Turn, check_rate, ledger_of, limiter_of


def test_ledger_counts_what_is_in_flight_and_what_ended_within_the_window():
    ledger = Ledger()
    ledger.longest_window = 1.0
    assert ledger.opens(2, 1.0, now=10.0) == 10.0
    ledger.in_flight = 1
    ledger.ended.append(9.5)
    assert ledger.opens(2, 1.0, now=10.0) == 10.5
    ledger.in_flight = 2
    assert ledger.opens(2, 1.0, now=10.6) is None
    assert not ledger.ended


def test_ledger_waits_for_as_many_as_are_missing():
    ledger = Ledger()
    ledger.longest_window = 2.0
    ledger.ended.extend([8.5, 9.5, 9.75])
    assert ledger.opens(2, 1.0, now=10.0) == 10.5
    assert ledger.opens(1, 1.0, now=10.0) == 10.75
    assert ledger.opens(2, 2.0, now=10.0) == 11.5


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
        limiter.release(sent=True)

    await asyncio.gather(*(one() for _ in range(12)))
    assert all(later - earlier > 1.0 for earlier, later in zip(sends, sends[5:], strict=False))


async def test_waiters_leave_in_the_order_they_came():
    limiter = Limiter(Ledger(), 1000)
    order: list[int] = []

    async def one(number: int) -> None:
        await limiter.acquire()
        order.append(number)
        limiter.release(sent=False)

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
    limiter.release(sent=False)
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
        turn.sent = True
    assert (ledger.in_flight, len(ledger.ended)) == (0, 1)


async def test_a_turn_waits_no_longer_than_told_and_then_holds_nothing():
    narrow, broad = Ledger(), Ledger()
    broad.in_flight = 1
    turn = Turn((Limiter(narrow, 1), Limiter(broad, 1)))
    with pytest.raises(TimeoutError):
        await turn.wait(0.02)
    assert (narrow.in_flight, broad.in_flight) == (0, 1)


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
            turn.sent = True
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
