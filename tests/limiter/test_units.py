"""The parts of the limiter, one by one."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
import tracemalloc

import pytest

from workflowkit.errors import ConfigError, TransportError
from workflowkit.ratelimit import Limiter, Turn, line
from workflowkit.ratelimit.ledger import MOST_IN_FLIGHT, Ledger, Quota, ledger_of, snapshots
from workflowkit.ratelimit.limiter import check_rate
from workflowkit.ratelimit.roundtrips import RoundTrips

SECOND = Quota(2, 2, 1.0)


@pytest.fixture
def now(monkeypatch):
    """The monotonic clock, to be set: ``now[0] = 10.0``."""
    clock = [10.0]
    monkeypatch.setattr("workflowkit.ratelimit.ledger.time.monotonic", lambda: clock[0])
    yield clock
    monkeypatch.undo()


@pytest.fixture
def loop():
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


def sent_and_answered(ledger, loop, at, answered_at):
    assert ledger.take(Quota.of(None), loop)
    ledger.sent(at)
    ledger.give_back(loop, sent_at=at, answered_at=answered_at)


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
    quota = Quota.of(rate)
    assert quota.slots == slots
    assert quota.window == pytest.approx(window)


@pytest.mark.parametrize(("rate", "limit", "window"), [(2.5, 5, 2.0), (2.5, 3, 1.0), (29.97, 30, 1.0), (1.5, 3, 2.0)])
def test_no_reading_of_a_fraction_is_exceeded(simulation, rate, limit, window):
    run = simulation()
    server = run.server(limit, window)
    run.run(run.saturate(Limiter(rate).turn, [server], workers=9, seconds=60, up=lambda _: 0, down=lambda _: 0))
    assert server.refused == 0


def test_a_slot_is_free_a_window_after_the_answer(now, loop):
    ledger = Ledger()
    assert ledger.opens(SECOND) == 10.0
    assert ledger.take(SECOND, loop)
    sent_and_answered(ledger, loop, 9.4, 9.5)
    assert ledger.opens(SECOND) == 10.5
    assert not ledger.take(SECOND, loop)
    now[0] = 10.5
    assert ledger.take(SECOND, loop)
    assert ledger.opens(SECOND) is None, "both are in flight"
    assert not ledger.take(SECOND, loop)


def test_as_many_as_are_missing_are_waited_for(now, loop):
    ledger = Ledger()
    wide = Quota(2, 2, 2.0)
    ledger.stand(wide)
    for at in (9.5, 8.5, 9.75):
        sent_and_answered(ledger, loop, at, at)
    assert ledger.opens(SECOND) == 10.5
    assert ledger.opens(Quota(1, 1, 1.0)) == 10.75
    assert ledger.opens(wide) == 11.5


def test_not_more_in_flight_than_a_pool_of_connections_can_bear(now, loop):
    ledger = Ledger()
    for _ in range(MOST_IN_FLIGHT):
        assert ledger.take(Quota.of(None), loop)
    assert ledger.opens(Quota.of(None)) is None
    ledger.give_back(loop, sent_at=None, answered_at=None)
    assert ledger.opens(Quota.of(None)) == 10.0


def test_what_was_not_sent_gives_its_slot_back_at_once(now, loop):
    ledger = Ledger()
    assert ledger.take(SECOND, loop)
    assert ledger.take(SECOND, loop)
    ledger.give_back(loop, sent_at=None, answered_at=None)
    assert ledger.opens(SECOND) == 10.0


def test_without_an_answer_the_server_may_count_it_later_still(now, loop):
    ledger = Ledger()
    one = Quota(1, 1, 1.0)
    sent_and_answered(ledger, loop, 10.0, None)
    assert ledger.opens(one) == 12.0, "one second, and the window"
    ledger = Ledger()
    sent_and_answered(ledger, loop, 5.0, 8.0)
    sent_and_answered(ledger, loop, 10.0, None)
    assert ledger.opens(one) == 14.0, "the slowest answer of late, and the window"
    ledger = Ledger()
    for _ in range(20):
        sent_and_answered(ledger, loop, 5.0, 5.5)
    sent_and_answered(ledger, loop, 10.0, None)
    assert ledger.opens(one) == 12.0, "of which the fastest tells nothing"


def test_what_was_lost_is_counted_as_long_whatever_is_learned_of_the_network_later(now, loop):
    ledger = Ledger()
    sent_and_answered(ledger, loop, 7.0, 10.0)
    sent_and_answered(ledger, loop, 10.0, None)
    for _ in range(20):
        sent_and_answered(ledger, loop, 9.2, 10.0)
    assert ledger.opens(Quota(1, 1, 1.0)) == 14.0


@pytest.mark.parametrize("rate", [2, 3, 30])
def test_a_lost_request_keeps_nobody_from_the_slots_of_answered_ones(simulation, rate):
    run = simulation()
    limiter = Limiter(rate)

    async def main():
        await run.exchange(limiter.turn(), 10, 10)
        began = run.clock.now
        flying = [asyncio.create_task(run.exchange(limiter.turn(), 0.75, 0.75)) for _ in range(rate)]
        await asyncio.sleep(1.0)
        waiting = asyncio.create_task(limiter.turn().wait())
        await asyncio.sleep(0.01)
        flying[0].cancel()
        await waiting
        return run.clock.now - began

    assert run.run(main()) < 4.0, (
        "an answer was there after 2.5 at the latest, the lost request can be on its way for 20"
    )


def test_what_was_sent_without_a_limit_counts_for_who_keeps_one(simulation):
    run = simulation()
    server = run.server(60)
    free = Limiter(None)
    kept = Limiter(30, ledger=free.ledger)

    async def main():
        await asyncio.gather(*(run.exchange(free.turn(), 0, 0, server) for _ in range(30)))
        await run.exchange(kept.turn(), 0, 0, server)
        return run.clock.now

    assert run.run(main()) >= 1001.0


def test_requests_of_a_loop_that_was_closed_under_them_are_lost(now, loop):
    ledger = Ledger()
    dead = asyncio.new_event_loop()
    assert ledger.take(SECOND, dead)
    assert ledger.take(SECOND, dead)
    assert ledger.opens(SECOND) is None
    dead.close()
    assert ledger.opens(SECOND) == 12.0
    assert ledger.snapshot("s").in_flight == 0
    ledger.give_back(dead, sent_at=None, answered_at=None)
    assert ledger.snapshot("s").in_flight == 0


def test_a_cooldown_only_moves_later(now, loop):
    ledger = Ledger()
    ledger.cool_down(25.0)
    ledger.cool_down(1.0)
    assert ledger.not_before == ledger.opens(SECOND) == 35.0
    assert ledger.snapshot("s").cooldown == 25.0
    assert not ledger.take(Quota.of(None), loop), "without a limit, too"
    now[0] = 35.0
    assert ledger.take(Quota.of(None), loop)
    assert ledger.snapshot("s").cooldown == 0.0


def test_memory_grows_with_what_is_sent_and_not_with_the_rate(loop):
    def used(rate):
        tracemalloc.start()
        ledger = Ledger()
        for _ in range(1000):
            assert ledger.take(Quota.of(rate), loop)
            ledger.give_back(loop, sent_at=0.0, answered_at=time.monotonic())
        size, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return size

    assert used(1e9) < used(1e4) * 1.1 < 100_000


def test_what_no_window_reaches_back_to_is_forgotten(now, loop):
    ledger = Ledger()
    for _ in range(10_000):
        now[0] += 1 / 512
        assert ledger.take(Quota.of(1000), loop)
        ledger.give_back(loop, sent_at=now[0], answered_at=now[0])
        ledger.sent(now[0])
    assert 512 < len(ledger._answered) < 1100
    assert len(ledger._sent) == 512
    assert ledger.snapshot("s").sent == 512


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
    ledger = Ledger()
    one = Quota(1, 1, 1.0)
    for _ in range(20):
        sent_and_answered(ledger, loop, 9.0, 10.0)
    assert ledger.opens(Quota(20, 20, 1.0)) == 10.0, "answers take a second at least: it was counted a second ago"
    ledger.cool_down(0.0)
    assert ledger.opens(one) == 11.0


@pytest.mark.parametrize("rate", [0, -1, float("nan"), float("inf"), float("-inf"), "30", True])
def test_impossible_rates_are_refused(rate):
    with pytest.raises(ConfigError, match="rate="):
        check_rate(rate)


@pytest.mark.parametrize("rate", [0, -1, float("nan"), float("-inf"), "30", True])
def test_a_limiter_refuses_them_too(rate):
    with pytest.raises(ConfigError, match="rate="):
        Limiter(rate)


@pytest.mark.parametrize("rate", [0.2, 30, 1e9, None])
def test_possible_rates_are_not(rate):
    check_rate(rate)
    Limiter(rate)


def test_the_server_can_name_no_impossible_rate():
    with pytest.raises(ConfigError, match="rate=0"):
        Limiter(30).lower(0)


async def test_a_turn_has_to_be_waited_for():
    with pytest.raises(ConfigError, match="async with"), Limiter(30).turn():
        pass


async def test_a_turn_that_is_taken_twice_forgets_the_first_time():
    limiter = Limiter(30)
    turn = limiter.turn()
    async with turn:
        pass
    with pytest.raises(TransportError):
        async with turn:
            raise TransportError("no answer")
    assert (len(limiter.ledger._answered), len(limiter.ledger._lost)) == (1, 1)


async def test_a_turn_would_wait_for_itself():
    limiter = Limiter(30)
    with pytest.raises(ConfigError, match="each ledger once"):
        Turn(Limiter(5, ledger=limiter.ledger), limiter)


async def test_what_connecting_took_is_no_part_of_the_round_trip(now):
    ledger = Ledger()
    for _ in range(20):
        turn = Limiter(None, ledger=ledger).turn()
        await turn.wait()
        now[0] += 1
        with turn:
            turn.sent()
            turn.timed(now[0] + 0.6, now[0] + 0.7)
    assert ledger._trips.floor == pytest.approx(0.1)
    assert ledger._answered[-1] == now[0] + 0.7


def test_one_in_five_seconds(simulation):
    run = simulation()
    server = run.server(1, window=5.0)
    run.run(run.saturate(Limiter(0.2).turn, [server], workers=3, seconds=60, up=lambda _: 0.01, down=lambda _: 0.01))
    assert (len(server.accepted), server.refused) == (12, 0)


def test_a_limit_that_the_server_names_holds_for_every_limiter_of_the_scope_for_good(simulation):
    run = simulation()
    server = run.server(5)
    ledger = Ledger()
    fast, faster, unknown, lifted = (Limiter(rate, ledger=ledger) for rate in (30, 40, float("inf"), None))
    ledger.lower(5.0)
    ledger.lower(7.0)
    assert [limiter.quota.rate for limiter in (fast, faster, unknown)] == [5.0, 5.0, 5.0]
    assert Limiter(3, ledger=ledger).quota.rate == 3
    assert lifted.quota.slots == sys.maxsize, "whoever lifts the limits lifts this one too"
    run.run(run.saturate(fast.turn, [server], workers=9, seconds=20, up=lambda _: 0, down=lambda _: 0))
    assert server.refused == 0
    assert len(server.accepted) > 98


def test_who_stands_in_line_already_is_slowed_down_as_well(simulation):
    run = simulation()
    server = run.server(5)
    limiter = Limiter(50)

    async def main():
        async with asyncio.TaskGroup() as group:
            for _ in range(25):
                group.create_task(run.exchange(limiter.turn(), 0, 0, server))
            await asyncio.sleep(0)
            limiter.ledger.lower(5.0)

    run.run(main())
    assert server.refused == 0


async def test_without_a_limit_cooldowns_still_hold():
    limiter = Limiter(None)
    async with asyncio.timeout(0.1), limiter.turn():
        pass
    limiter.cool_down(60)
    with pytest.raises(TimeoutError):
        await limiter.turn().wait(0.02)


async def test_a_turn_waits_no_longer_than_told_and_then_holds_nothing():
    narrow, broad = Limiter(1), Limiter(1)
    async with broad.turn():
        turn = Turn(narrow, broad)
        with pytest.raises(TimeoutError):
            await turn.wait(0.02)
        assert turn.waited == pytest.approx(0.02, abs=0.02)
        assert [each.ledger.snapshot("s").in_flight for each in (narrow, broad)] == [0, 1]
        assert [each.ledger.snapshot("s").waiting for each in (narrow, broad)] == [0, 0]


def test_a_cooldown_that_lasts_longer_than_it_may_wait_is_not_waited_for(simulation):
    run = simulation()

    async def main():
        limiter = Limiter(30)
        limiter.cool_down(10.0)
        with pytest.raises(TimeoutError):
            await Turn(Limiter(5), limiter).wait(9.0)
        assert run.clock.now < 1000.001
        await limiter.turn().wait(11.0)
        assert run.clock.now == pytest.approx(1010.0, abs=0.01)

    run.run(main())


def test_backlog_is_what_must_be_waited_for_and_who_waits(now, loop):
    ledger = Ledger()
    assert ledger.backlog(SECOND) == 0.0
    for _ in range(3):
        ledger.stand(SECOND)
    assert ledger.backlog(SECOND) == 1.5
    for _ in range(2):
        assert ledger.take(SECOND, loop)
    assert ledger.backlog(SECOND) == 1.0 + 1.5, "all slots are in flight: a window at least"
    for _ in range(2):
        ledger.give_back(loop, sent_at=None, answered_at=None)
    sent_and_answered(ledger, loop, 9.5, 9.75)
    sent_and_answered(ledger, loop, 9.75, 9.75)
    assert ledger.backlog(SECOND) == 0.75 + 1.5
    ledger.cool_down(33.0)
    assert ledger.backlog(SECOND) == 33.0 + 1.5
    assert ledger.backlog(Quota.of(None)) == 33.0
    ledger.leave()
    assert ledger.backlog(SECOND) == 33.0 + 1.0


def test_who_waits_takes_a_slot_as_soon_as_one_is_given_back_unsent(simulation):
    run = simulation()
    limiter = Limiter(2)

    async def main():
        async with limiter.turn():
            pass
        unsent = limiter.turn()
        await unsent.wait()
        third = asyncio.create_task(limiter.turn().wait())  # sleeps until the first one's slot is free
        await asyncio.sleep(0.1)
        unsent.give_back()
        began = run.clock.now
        await third
        return run.clock.now - began

    assert run.run(main()) < 0.4, "as far apart as they are spread, no window"


def test_who_waits_goes_as_soon_as_not_too_many_are_in_flight(simulation):
    run = simulation()
    limiter = Limiter(None)

    async def main():
        flying = [asyncio.create_task(run.exchange(limiter.turn(), 0, 0.1)) for _ in range(MOST_IN_FLIGHT)]
        await asyncio.sleep(0)
        await limiter.turn().wait()
        await asyncio.gather(*flying)
        return run.clock.now - 1000

    assert run.run(main()) == pytest.approx(0.1, abs=0.005)


def test_backlog_says_when_the_line_will_have_gone(simulation):
    run = simulation()

    async def main():
        limiter = Limiter(10)
        assert limiter.backlog() == 0.0
        async with asyncio.TaskGroup() as group:
            waiting = [group.create_task(run.exchange(limiter.turn(), 0, 0)) for _ in range(40)]
            await asyncio.sleep(0.5)
            told = limiter.backlog()
            before = run.clock.now
            await asyncio.wait(waiting)
            assert told == pytest.approx(run.clock.now - before, abs=0.6)

    run.run(main())


def test_snapshots_tell_who_waits_who_is_under_way_and_what_was_sent(simulation):
    run = simulation()

    async def main():
        narrow = Limiter(5, ledger=ledger_of(("jodoo", "https://a", "acme", "jodoo.form_records")))
        broad = Limiter(None, ledger=ledger_of(("jodoo", "https://a", "acme")))
        for other in ("aaa", "other"):
            ledger_of(("jodoo", "https://a", other)).cool_down(1)
        ledger_of("of somebody's own").cool_down(1)
        tasks = [asyncio.create_task(run.exchange(Turn(narrow, broad), 0.5, 0.5)) for _ in range(12)]
        await asyncio.sleep(1.4)
        broad.cool_down(3.0)
        tenant, records = snapshots(("jodoo", "https://a", "acme"))
        assert (tenant.scope, tenant.rate, tenant.cooldown) == ("tenant", None, 3.0)
        assert (records.scope, records.rate, records.cooldown) == ("jodoo.form_records", 5, 0.0)
        assert tenant.waiting == records.waiting == 7
        assert tenant.in_flight == records.in_flight == 2
        assert tenant.sent == records.sent == 2
        await asyncio.gather(*tasks)
        assert [each.sent for each in snapshots(("jodoo", "https://a", "acme"))] == [0, 0]

    run.run(main())


def test_a_second_run_in_one_process_does_not_start_afresh(simulation):
    run = simulation()
    server = run.server(30)
    limiter = Limiter(30)
    for _ in range(5):
        run.run(run.saturate(limiter.turn, [server], workers=40, seconds=1.3, up=lambda _: 0.02, down=lambda _: 0.02))
    assert server.refused == 0
    assert len(server.accepted) > 150
    assert not [loop for loop in list(line._lines)[:-1] if loop.is_closed()], "closed loops are forgotten"


def test_loops_in_several_threads_share_a_limit():
    limiter = Limiter(40)
    sends: list[float] = []

    async def work():
        until = time.monotonic() + 2.5
        while time.monotonic() < until:
            async with limiter.turn() as turn:
                sends.append(time.monotonic())
                turn.answered()

    async def main():
        await asyncio.gather(*(work() for _ in range(10)))

    threads = [threading.Thread(target=lambda: asyncio.run(main())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sends.sort()
    assert all(later - earlier > 1.0 for earlier, later in zip(sends, sends[40:], strict=False))
    assert len(sends) >= 100


def test_a_slot_given_back_in_one_loop_wakes_who_waits_in_another(loop):
    limiter = Limiter(1)
    assert limiter.ledger.take(limiter.quota, loop)

    async def main():
        waiting = asyncio.create_task(limiter.turn().wait())
        await asyncio.sleep(0.05)
        began = time.monotonic()
        await asyncio.to_thread(limiter.ledger.give_back, loop, sent_at=None, answered_at=None)
        await waiting
        return time.monotonic() - began

    assert asyncio.run(main()) < 0.4, "without looking again by itself"


def test_a_slot_that_comes_back_while_somebody_lies_down_is_noticed(monkeypatch, loop):
    limiter = Limiter(1)
    assert limiter.ledger.take(limiter.quota, loop)
    opens = limiter.ledger.opens

    def given_back_meanwhile(quota):
        answer = opens(quota)
        monkeypatch.undo()
        limiter.ledger.give_back(loop, sent_at=None, answered_at=None)
        return answer

    monkeypatch.setattr(limiter.ledger, "opens", given_back_meanwhile)

    async def main():
        began = time.monotonic()
        await limiter.turn().wait()
        return time.monotonic() - began

    assert asyncio.run(main()) < 0.4, "without looking again by itself"


def test_one_scope_has_one_ledger_whoever_asks_first():
    found: list[list[Ledger]] = [[], []]
    start = threading.Barrier(2)

    def ask(ledgers):
        for name in range(300):
            start.wait()
            ledgers.append(ledger_of(("raced", str(name))))
            snapshots(("raced",))

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=ask, args=(ledgers,)) for ledgers in found]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert [id(ledger) for ledger in found[0]] == [id(ledger) for ledger in found[1]]
    assert len(found[0]) == 300


def test_a_slot_may_come_back_when_a_loop_was_closed_with_somebody_waiting(loop):
    limiter = Limiter(1)
    assert limiter.ledger.take(limiter.quota, loop)

    async def leave_one_waiting():
        waiting = asyncio.ensure_future(limiter.turn().wait())
        await asyncio.sleep(0.01)
        return waiting

    other = asyncio.new_event_loop()
    waiting = other.run_until_complete(leave_one_waiting())
    other.close()
    limiter.ledger.give_back(loop, sent_at=None, answered_at=None)
    assert limiter.ledger.opens(limiter.quota) is not None
    waiting._log_destroy_pending = False


def test_a_turn_may_end_after_its_loop():
    ledger = Ledger()

    async def begin():
        turn = Limiter(3, ledger=ledger).turn()
        await turn.wait()
        turn.sent()
        return turn

    turn = asyncio.run(begin())
    with turn:
        pass
    assert ledger.snapshot("s").in_flight == 0
    assert len(ledger._lost) == 1
