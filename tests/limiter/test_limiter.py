"""A limiter, and the permits from it."""

from __future__ import annotations

import asyncio
import sys
from itertools import count

import pytest

from workflowkit.errors import ConfigError, TransportError
from workflowkit.ratelimit import Limiter, Permit
from workflowkit.ratelimit.limiter import check_rate
from workflowkit.ratelimit.window import MOST_IN_FLIGHT, SlidingWindow, snapshots, window_of


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


async def test_a_permit_has_to_be_acquired():
    with pytest.raises(ConfigError, match="async with"), Limiter(30).permit():
        pass


async def test_a_permit_that_is_acquired_twice_forgets_the_first_time():
    limiter = Limiter(30)
    permit = limiter.permit()
    async with permit:
        pass
    with pytest.raises(TransportError):
        async with permit:
            raise TransportError("no answer")
    assert (len(limiter.window._responded), len(limiter.window._unanswered)) == (1, 1)


async def test_a_permit_would_wait_for_itself():
    limiter = Limiter(30)
    with pytest.raises(ConfigError, match="must have different windows"):
        Permit(Limiter(5, window=limiter.window), limiter)


async def test_what_connecting_took_is_no_part_of_the_round_trip(now):
    window = SlidingWindow()
    for _ in range(20):
        permit = Limiter(None, window=window).permit()
        await permit.acquire()
        now[0] += 1
        with permit:
            permit.sent()
            permit.timed(now[0] + 0.6, now[0] + 0.7)
    assert window._trips.floor == pytest.approx(0.1)
    assert window._responded[-1] == now[0] + 0.7


def test_one_in_five_seconds(simulation):
    run = simulation()
    server = run.server(1, window=5.0)
    run.run(run.saturate(Limiter(0.2).permit, [server], workers=3, seconds=60, up=lambda _: 0.01, down=lambda _: 0.01))
    assert (len(server.accepted), server.refused) == (12, 0)


def test_a_limit_that_the_server_names_holds_for_every_limiter_of_the_scope_for_good(simulation):
    run = simulation()
    server = run.server(5)
    window = SlidingWindow()
    fast, faster, unknown, lifted = (Limiter(rate, window=window) for rate in (30, 40, float("inf"), None))
    window.lower(5.0)
    window.lower(7.0)
    assert [limiter.rate_limit.rate for limiter in (fast, faster, unknown)] == [5.0, 5.0, 5.0]
    assert Limiter(3, window=window).rate_limit.rate == 3
    assert lifted.rate_limit.slots == sys.maxsize, "whoever lifts the limits lifts this one too"
    run.run(run.saturate(fast.permit, [server], workers=9, seconds=20, up=lambda _: 0, down=lambda _: 0))
    assert server.refused == 0
    assert len(server.accepted) > 98


def test_who_stands_in_line_already_is_slowed_down_as_well(simulation):
    run = simulation()
    server = run.server(5)
    limiter = Limiter(50)

    async def main():
        async with asyncio.TaskGroup() as group:
            for _ in range(25):
                group.create_task(run.exchange(limiter.permit(), 0, 0, server))
            await asyncio.sleep(0)
            limiter.window.lower(5.0)

    run.run(main())
    assert server.refused == 0


async def test_without_a_limit_cooldowns_still_hold():
    limiter = Limiter(None)
    async with asyncio.timeout(0.1), limiter.permit():
        pass
    limiter.cool_down(60)
    with pytest.raises(TimeoutError):
        await limiter.permit().acquire(0.02)


async def test_a_permit_waits_no_longer_than_told_and_then_holds_nothing():
    narrow, broad = Limiter(1), Limiter(1)
    async with broad.permit():
        permit = Permit(narrow, broad)
        with pytest.raises(TimeoutError):
            await permit.acquire(0.02)
        assert permit.waited >= 0.02
        assert [each.window.snapshot("s").in_flight for each in (narrow, broad)] == [0, 1]
        assert [each.window.snapshot("s").waiting for each in (narrow, broad)] == [0, 0]


def test_a_cooldown_that_lasts_longer_than_it_may_wait_is_not_waited_for(simulation):
    run = simulation()

    async def main():
        limiter = Limiter(30)
        limiter.cool_down(10.0)
        with pytest.raises(TimeoutError):
            await Permit(Limiter(5), limiter).acquire(9.0)
        assert run.clock.now < 1000.001
        await limiter.permit().acquire(11.0)
        assert run.clock.now == pytest.approx(1010.0, abs=0.01)

    run.run(main())


def test_who_waits_takes_a_slot_as_soon_as_one_is_given_back_unsent(simulation):
    run = simulation()
    limiter = Limiter(2)

    async def main():
        async with limiter.permit():
            pass
        unsent = limiter.permit()
        await unsent.acquire()
        third = asyncio.create_task(limiter.permit().acquire())  # sleeps until the first one's slot is free
        await asyncio.sleep(0.1)
        unsent.release()
        began = run.clock.now
        await third
        return run.clock.now - began

    assert run.run(main()) < 0.4, "as far apart as they are spread, no window"


def test_who_waits_goes_as_soon_as_not_too_many_are_in_flight(simulation):
    run = simulation()
    limiter = Limiter(None)

    async def main():
        flying = [asyncio.create_task(run.exchange(limiter.permit(), 0, 0.1)) for _ in range(MOST_IN_FLIGHT)]
        await asyncio.sleep(0)
        await limiter.permit().acquire()
        await asyncio.gather(*flying)
        return run.clock.now - 1000

    assert run.run(main()) == pytest.approx(0.1, abs=0.005)


@pytest.mark.parametrize("when", range(1, 12))
def test_an_error_in_the_midst_of_it_is_of_one_request_and_the_others_go_on(simulation, monkeypatch, when):
    run = simulation()
    limiter = Limiter(3)
    opens, calls = limiter.window.opens, count(1)

    def opened(rate_limit):
        if next(calls) == when:
            raise MemoryError
        return opens(rate_limit)

    async def main():
        monkeypatch.setattr(limiter.window, "opens", opened)
        return await asyncio.gather(
            *(run.exchange(limiter.permit(), 0, 0, run.server(9)) for _ in range(6)), return_exceptions=True
        )

    assert sum(isinstance(each, MemoryError) for each in run.run(main())) == 1
    assert (limiter.window.waiting, limiter.window.snapshot("s").in_flight) == (0, 0)


def test_backlog_says_when_the_line_will_have_gone(simulation):
    run = simulation()

    async def main():
        limiter = Limiter(10)
        assert limiter.backlog() == 0.0
        async with asyncio.TaskGroup() as group:
            waiting = [group.create_task(run.exchange(limiter.permit(), 0, 0)) for _ in range(40)]
            await asyncio.sleep(0.5)
            told = limiter.backlog()
            before = run.clock.now
            await asyncio.wait(waiting)
            assert told == pytest.approx(run.clock.now - before, abs=0.6)

    run.run(main())


def test_snapshots_tell_who_waits_who_is_under_way_and_what_was_sent(simulation):
    run = simulation()

    async def main():
        narrow = Limiter(5, window=window_of(("jodoo", "https://a", "acme", "jodoo.form_records")))
        broad = Limiter(None, window=window_of(("jodoo", "https://a", "acme")))
        for other in ("aaa", "other"):
            window_of(("jodoo", "https://a", other)).cool_down(1)
        window_of("of somebody's own").cool_down(1)
        tasks = [asyncio.create_task(run.exchange(Permit(narrow, broad), 0.5, 0.5)) for _ in range(12)]
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


@pytest.mark.parametrize("held", ["by a cooldown", "by what is under way"])
async def test_who_comes_later_leaves_later_without_a_rate_as_well(held):
    limiter = Limiter(None)
    order = []

    async def go(number):
        permit = limiter.permit()
        await permit.acquire()
        order.append(number)
        permit.release()

    under_way = [limiter.permit() for _ in range(MOST_IN_FLIGHT)]
    if held == "by a cooldown":
        limiter.cool_down(0.05)
    else:
        for permit in under_way:
            await permit.acquire()
    tasks = [asyncio.create_task(go(number)) for number in range(20)]
    await asyncio.sleep(0.04)
    for permit in under_way:
        permit.release()
    for number in range(20, 5000):
        await asyncio.sleep(0)
        tasks.append(asyncio.create_task(go(number)))
        if tasks[19].done():
            break
        await asyncio.sleep(0)
    await asyncio.gather(*tasks)
    assert order == sorted(order)


async def test_without_a_rate_nothing_is_waited_for():
    permit = Limiter(None).permit()
    await permit.acquire()
    assert permit.waited == 0.0
    permit.release()


async def test_a_snapshot_tells_what_was_last_asked_for():
    window = SlidingWindow()
    for rate in (10, None):
        async with Limiter(rate, window=window).permit():
            assert window.snapshot("tenant").rate == rate
