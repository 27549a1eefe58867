"""When a slot is free, and what the window learns of the network."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
import time
import tracemalloc
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest

from workflowkit.ratelimit import Limiter
from workflowkit.ratelimit.roundtrips import RoundTrips
from workflowkit.ratelimit.window import MOST_IN_FLIGHT, RateLimit, SlidingWindow, window_of

SECOND = RateLimit(2, 2, 1.0)


def sent_and_answered(window, loop, at, responded_at):
    assert window.try_acquire(RateLimit.of(None), loop)
    window.sent(at)
    window.release(loop, sent_at=at, responded_at=responded_at)


@pytest.mark.parametrize(
    ("rate", "slots", "window"),
    [
        (30, 30, 1.002),
        (1, 1, 1.002),
        (0.2, 1, 5.002),
        (2.5, 2, 1.002),
        (29.97, 29, 1.002),
        (1e9, 10**9, 1.002),
        (None, sys.maxsize, 0.0),
    ],
)
def test_a_rate_is_so_many_slots_in_a_window(rate, slots, window):
    rate_limit = RateLimit.of(rate)
    assert rate_limit.slots == slots
    assert rate_limit.seconds == pytest.approx(window)


@pytest.mark.parametrize(("rate", "limit", "window"), [(2.5, 5, 2.0), (2.5, 3, 1.0), (29.97, 30, 1.0), (1.5, 3, 2.0)])
def test_no_reading_of_a_fraction_is_exceeded(simulation, rate, limit, window):
    run = simulation()
    server = run.server(limit, window)
    run.run(run.saturate(Limiter(rate).permit, [server], workers=9, seconds=60, up=lambda _: 0, down=lambda _: 0))
    assert server.refused == 0


def test_a_slot_is_free_a_window_after_the_answer(now, loop):
    window = SlidingWindow()
    assert window.opens(SECOND) == 10.0
    assert window.try_acquire(SECOND, loop)
    sent_and_answered(window, loop, 9.4, 9.5)
    assert window.opens(SECOND) == 10.5
    assert not window.try_acquire(SECOND, loop)
    now[0] = 10.5
    assert window.try_acquire(SECOND, loop)
    assert window.opens(SECOND) is None, "both are in flight"
    assert not window.try_acquire(SECOND, loop)


def test_as_many_as_are_missing_are_waited_for(now, loop):
    window = SlidingWindow()
    wide = RateLimit(2, 2, 2.0)
    window.add_waiter(wide)
    for at in (9.5, 8.5, 9.75):
        sent_and_answered(window, loop, at, at)
    assert window.opens(SECOND) == 10.5
    assert window.opens(RateLimit(1, 1, 1.0)) == 10.75
    assert window.opens(wide) == 11.5


def test_not_more_in_flight_than_a_pool_of_connections_can_bear(now, loop):
    window = SlidingWindow()
    for _ in range(MOST_IN_FLIGHT):
        assert window.try_acquire(RateLimit.of(None), loop)
    assert window.opens(RateLimit.of(None)) is None
    window.release(loop, sent_at=None, responded_at=None)
    assert window.opens(RateLimit.of(None)) == 10.0


def test_what_was_not_sent_gives_its_slot_back_at_once(now, loop):
    window = SlidingWindow()
    assert window.try_acquire(SECOND, loop)
    assert window.try_acquire(SECOND, loop)
    window.release(loop, sent_at=None, responded_at=None)
    assert window.opens(SECOND) == 10.0


def test_without_an_answer_the_server_may_count_it_later_still(now, loop):
    window = SlidingWindow()
    one = RateLimit(1, 1, 1.0)
    sent_and_answered(window, loop, 10.0, None)
    assert window.opens(one) == 12.0, "one second, and the window"
    window = SlidingWindow()
    sent_and_answered(window, loop, 5.0, 8.0)
    sent_and_answered(window, loop, 10.0, None)
    assert window.opens(one) == 14.0, "the slowest answer of late, and the window"
    window = SlidingWindow()
    for _ in range(20):
        sent_and_answered(window, loop, 5.0, 5.5)
    sent_and_answered(window, loop, 10.0, None)
    assert window.opens(one) == 12.0, "of which the fastest tells nothing"


def test_one_that_is_lost_while_others_are_under_way_is_counted_as_well(now, loop):
    window = SlidingWindow()
    for _ in range(2):
        assert window.try_acquire(SECOND, loop)
    window.release(loop, sent_at=10.0, responded_at=None)
    assert window.opens(SECOND) == 12.0


def test_what_was_lost_is_counted_as_long_whatever_is_learned_of_the_network_later(now, loop):
    window = SlidingWindow()
    sent_and_answered(window, loop, 7.0, 10.0)
    sent_and_answered(window, loop, 10.0, None)
    for _ in range(20):
        sent_and_answered(window, loop, 9.2, 10.0)
    assert window.opens(RateLimit(1, 1, 1.0)) == 14.0


@pytest.mark.parametrize("rate", [2, 3, 30])
def test_a_lost_request_keeps_nobody_from_the_slots_of_answered_ones(simulation, rate):
    run = simulation()
    limiter = Limiter(rate)

    async def main():
        await run.exchange(limiter.permit(), 10, 10)
        began = run.clock.now
        flying = [asyncio.create_task(run.exchange(limiter.permit(), 0.75, 0.75)) for _ in range(rate)]
        await asyncio.sleep(1.0)
        waiting = asyncio.create_task(limiter.permit().acquire())
        await asyncio.sleep(0.01)
        flying[0].cancel()
        await waiting
        took = run.clock.now - began
        await asyncio.gather(*flying, return_exceptions=True)
        return took

    assert run.run(main()) < 4.0, (
        "an answer was there after 2.5 at the latest, the lost request can be on its way for 20"
    )


def test_what_was_sent_without_a_limit_counts_for_who_keeps_one(simulation):
    run = simulation()
    server = run.server(60)
    free = Limiter(None)
    kept = Limiter(30, window=free.window)

    async def main():
        await asyncio.gather(*(run.exchange(free.permit(), 0, 0, server) for _ in range(30)))
        await run.exchange(kept.permit(), 0, 0, server)
        return run.clock.now

    assert run.run(main()) >= 1001.0


def test_requests_of_a_loop_that_was_closed_under_them_are_lost(now, loop):
    window = SlidingWindow()
    dead = asyncio.new_event_loop()
    assert window.try_acquire(SECOND, dead)
    assert window.try_acquire(SECOND, dead)
    assert window.opens(SECOND) is None
    dead.close()
    assert window.opens(SECOND) == 12.0
    assert window.snapshot("s").in_flight == 0
    window.release(dead, sent_at=9.0, responded_at=None)
    assert window._in_flight == {}
    assert len(window._unanswered) == 2, "each of them once"


def test_without_a_limit_they_are_lost_too(now, loop):
    window = SlidingWindow()
    dead = asyncio.new_event_loop()
    for _ in range(MOST_IN_FLIGHT):
        assert window.try_acquire(RateLimit.of(None), dead)
    assert window.opens(RateLimit.of(None)) is None
    dead.close()
    assert window.opens(RateLimit.of(None)) == 10.0


def test_a_cooldown_only_moves_later(now, loop):
    window = SlidingWindow()
    window.cool_down(25.0)
    window.cool_down(1.0)
    assert window.not_before == window.opens(SECOND) == 35.0
    assert window.snapshot("s").cooldown == 25.0
    assert not window.try_acquire(RateLimit.of(None), loop), "without a limit, too"
    now[0] = 35.0
    assert window.try_acquire(RateLimit.of(None), loop)
    assert window.snapshot("s").cooldown == 0.0


def test_memory_grows_with_what_is_sent_and_not_with_the_rate(loop):
    def used(rate):
        tracemalloc.start()
        window = SlidingWindow()
        for _ in range(1000):
            assert window.try_acquire(RateLimit.of(rate), loop)
            window.release(loop, sent_at=0.0, responded_at=time.monotonic())
        size, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return size

    assert used(1e9) < used(1e4) * 1.1 < 100_000


def test_what_no_window_reaches_back_to_is_forgotten(now, loop):
    window = SlidingWindow()
    for number in range(10_000):
        now[0] += 1 / (500 + number % 7)
        assert window.try_acquire(RateLimit.of(1000), loop)
        window.release(loop, sent_at=now[0], responded_at=now[0])
        window.sent(now[0])
    assert 500 < len(window._responded) < 1100
    assert 500 < len(window._sent) < 506
    assert window.snapshot("s").sent == len(window._sent)


def test_the_floor_of_round_trips_is_below_the_fastest_of_late():
    trips = RoundTrips()
    for _ in range(19):
        trips.add(0.1)
    assert trips.floor == 0.0, "nothing is known yet"
    trips.add(0.1)
    assert trips.floor == pytest.approx(0.1)
    trips.add(0.04)
    assert trips.floor == pytest.approx(0.04 - 3 * 0.06 * 20 / 21 / 21**0.5, abs=1e-3), "a faster one counts at once"
    assert trips.slowest == 0.1
    for _ in range(499):
        trips.add(0.1)
    assert trips.floor < 0.04, "and for five hundred more"
    for _ in range(501):
        trips.add(0.1)
    assert trips.floor == pytest.approx(0.1), "but not for ever"


def test_how_far_below_depends_on_how_much_they_vary_and_how_many_they_are():
    even, uneven, many = RoundTrips(), RoundTrips(), RoundTrips()
    for number in range(20):
        even.add(0.1)
        uneven.add(0.1 + number / 100)
    for number in range(500):
        many.add(0.1 + number % 20 / 100)
    assert uneven.floor < many.floor < even.floor == pytest.approx(0.1)


def test_the_floor_of_a_hundred():
    trips = RoundTrips()
    for number in range(100):
        trips.add(0.1 if number % 2 else 0.2)
    assert trips.floor == pytest.approx(0.1 - 3.0 * 0.05 / 10)


def test_the_floor_is_never_below_zero():
    trips = RoundTrips()
    for seconds in [0.001, *[2.0] * 30]:
        trips.add(seconds)
    assert trips.floor == 0.0


def test_the_slowest_of_late_is_no_part_of_what_is_learned_anew():
    trips = RoundTrips()
    trips.add(5.0)
    trips.forget()
    trips.add(0.1)
    assert (trips.floor, trips.slowest) == (0.0, 5.0)


def test_a_refusal_makes_it_learn_anew(now, loop):
    window = SlidingWindow()
    one = RateLimit(1, 1, 1.0)
    for _ in range(20):
        sent_and_answered(window, loop, 9.0, 10.0)
    assert window.opens(RateLimit(20, 20, 1.0)) == 10.0, "answers take a second at least: it was counted a second ago"
    window.cool_down(0.0)
    assert window.opens(one) == 11.0


def test_backlog_is_what_must_be_waited_for_and_who_waits(now, loop):
    window = SlidingWindow()
    assert window.backlog(SECOND) == 0.0
    for _ in range(3):
        window.add_waiter(SECOND)
    assert window.backlog(SECOND) == 1.5
    for _ in range(2):
        assert window.try_acquire(SECOND, loop)
    assert window.backlog(SECOND) == 1.0 + 1.5, "all slots are in flight: a window at least"
    for _ in range(2):
        window.release(loop, sent_at=None, responded_at=None)
    sent_and_answered(window, loop, 9.5, 9.75)
    sent_and_answered(window, loop, 9.75, 9.75)
    assert window.backlog(SECOND) == 0.75 + 1.5
    window.cool_down(33.0)
    assert window.backlog(SECOND) == 33.0 + 1.5
    assert window.backlog(RateLimit.of(None)) == 33.0
    window.remove_waiter()
    assert window.backlog(SECOND) == 33.0 + 1.0


async def test_a_limiter_of_its_own_is_freed_with_whoever_has_it():
    limiter = Limiter(1000)
    async with limiter.permit():
        pass
    window = weakref.ref(limiter.window)
    del limiter
    gc.collect()
    assert window() is None


async def test_what_was_sent_in_a_scope_is_forgotten_once_it_counts_no_more():
    gone = []
    for scope in range(3):
        limiter = Limiter(1000, window=window_of(scope))
        async with limiter.permit():
            pass
        gone.append(weakref.ref(limiter.window))
        del limiter
    gc.collect()
    assert None not in [ref() for ref in gone]
    monotonic = time.monotonic
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(time, "monotonic", lambda: monotonic() + 10)
        window_of("another")  # what is spent is looked for when a new scope comes
    gc.collect()
    assert [ref() for ref in gone] == [None] * 3


async def test_a_tenant_that_comes_back_within_its_window_finds_what_was_sent():
    limiter = Limiter(0.01, window=window_of("tenant"))
    async with limiter.permit():
        pass
    del limiter
    gc.collect()
    window_of("another")
    again = Limiter(0.01, window=window_of("tenant"))
    with pytest.raises(TimeoutError):
        await again.permit().acquire(0.1)


def test_threads_that_ask_at_once_get_the_same_ledger():
    barrier = threading.Barrier(8)
    for scope in range(300):
        with ThreadPoolExecutor(8) as pool:

            def ask(scope: int) -> SlidingWindow:
                barrier.wait()
                return window_of(scope)

            found = list(pool.map(ask, [scope] * 8))
        assert len(set(map(id, found))) == 1
