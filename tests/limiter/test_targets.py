"""What the limiter is for: all of the rate, never more, over any network; each in virtual time."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from workflowkit.ratelimit import Limiter, Permit


def none(_):
    return 0.0


def between(least, most):
    return lambda dice: dice.uniform(least, most) / 1000


NETWORKS = [
    # milliseconds there and back, percent that must be reached, the bound for whoever is never refused
    pytest.param(none, none, 99.7, id="none, bound 100"),
    pytest.param(between(0, 20), none, 98.6, id="0-20 there, bound 99.0"),
    pytest.param(between(0, 80), none, 95.6, id="0-80 there, bound 96.2"),
    pytest.param(between(25, 25), between(25, 25), 99.6, id="round trip 50, bound 100"),
    pytest.param(between(5, 45), between(25, 25), 97.5, id="round trip 50 +- 20, all of it there, bound 98.0"),
    pytest.param(between(15, 35), between(15, 35), 97.6, id="round trip 50 +- 20, both ways, bound 98.0"),
    pytest.param(between(100, 100), between(100, 100), 99.5, id="round trip 200, bound 100"),
    pytest.param(between(80, 120), between(80, 120), 95.5, id="round trip 200 +- 40, both ways, bound 96.2"),
    pytest.param(between(0, 1500), between(0, 1500), 39.5, id="0-1500 both ways, bound 40 or a little more"),
    pytest.param(none, between(0, 80), 95.6, id="0-80 back, bound 96.2"),
]


def gamma(dice):
    return dice.gammavariate(4, 0.010)


def lognormal(dice):
    return dice.lognormvariate(-3.2, 0.5)


@pytest.mark.parametrize("delay", [gamma, lognormal])
def test_delays_with_long_tails_seldom_cost_a_refusal(simulation, delay):
    refused, accepted = 0, 0
    for seed in range(100, 103):
        for rate, seconds in ((5, 1000), (30, 300)):
            _, more, server = simulation(seed=seed).utilization(rate, seconds, workers=50, up=delay, down=delay)
            refused, accepted = refused + more, accepted + len(server.accepted)
    assert refused <= accepted / 10_000


@pytest.mark.parametrize(("up", "down", "least"), NETWORKS)
def test_all_of_the_rate_and_never_more(simulation, up, down, least):
    for seed in range(3):
        used, refused, server = simulation(seed=seed).utilization(30, 300, workers=50, up=up, down=down)
        assert refused == 0
        assert used >= least
        assert sum(at < server.accepted[0] + 1.0 for at in server.accepted) <= 30, "the first second is like any other"


@pytest.mark.parametrize("workers", [1, 10, 100, 1000])
def test_any_number_of_workers(simulation, workers):
    used, refused, _ = simulation().utilization(30, 60, workers=workers, up=none, down=none)
    assert refused == 0
    assert used >= 99.7


@pytest.mark.parametrize("rate", [1, 2, 5, 20, 50, 200, 1000])
def test_any_rate(simulation, rate):
    used, refused, _ = simulation().utilization(rate, 60, workers=100, up=none, down=none)
    assert refused == 0
    assert used >= 98.4


def test_wake_ups_that_stall(simulation):
    used, refused, _ = simulation(stalls=0.01).utilization(30, 300, workers=50, up=none, down=none)
    assert refused == 0
    assert used >= 99.0


def test_what_is_learned_of_the_network_serves_who_waits_already(simulation):
    run = simulation()
    server = run.server(30)
    limiter = Limiter(30)
    second = between(1000, 1000)
    run.run(run.saturate(limiter.permit, [server], workers=50, seconds=10, up=second, down=none))
    assert server.accepted[30] < 1000 + 2.55, "twenty answers took until 1.5, and the way there takes a second"
    assert server.refused == 0


def test_after_the_loop_was_blocked_few_leave_at_once(simulation):
    run = simulation()
    server = run.server(30)
    limiter = Limiter(30)

    async def main():
        workers = run.saturate(limiter.permit, [server], workers=50, seconds=10, up=none, down=none)
        running = asyncio.create_task(workers)
        await asyncio.sleep(5.0)
        run.clock.now += 0.2
        blocked_until = run.clock.now
        await running
        return sum(blocked_until <= at < blocked_until + 0.1 for at in server.accepted)

    assert run.run(main()) <= 6
    assert server.refused == 0


def test_a_newcomer_overtakes_nobody(simulation):
    run = simulation()
    limiter = Limiter(30)
    left = []

    async def go(name):
        async with limiter.permit():
            left.append(name)

    async def main():
        async with asyncio.TaskGroup() as group:
            for number in range(70):
                group.create_task(go(number))
            for number in range(70):
                while number not in left:  # it leaves, and the next is about to be woken
                    await asyncio.sleep(0.0005)
                if number >= 30:
                    group.create_task(go("newcomer"))

    run.run(main())
    assert left == [*range(70), *["newcomer"] * 40]


def test_who_gives_up_costs_nothing(simulation):
    run = simulation()
    server = run.server(30)
    limiter = Limiter(30)

    async def impatient(patience):
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    async with limiter.permit():
                        server.arrive()
            await asyncio.sleep(0)

    async def main():
        tasks = [asyncio.create_task(impatient(0.005 + number / 1000)) for number in range(40)]
        await asyncio.sleep(30)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    run.run(main())
    assert server.refused == 0
    assert len(server.accepted) >= 0.99 * 30 * 30


def test_cancelled_in_the_very_moment_of_its_permit(simulation):
    run = simulation()
    server = run.server(5)
    limiter = Limiter(5)

    async def go():
        async with limiter.permit():
            server.arrive()

    async def main():
        cancelled = 0
        for _ in range(80):
            victim = asyncio.create_task(go())
            await asyncio.sleep(0)  # it stands at the head now
            opens = limiter.window.opens(limiter.rate_limit)
            asyncio.get_running_loop().call_at(opens or 0, victim.cancel)  # as its own timer
            await asyncio.wait([victim])
            cancelled += victim.cancelled()
        await asyncio.sleep(2)
        before = run.clock.now
        await asyncio.gather(*(go() for _ in range(5)))
        return cancelled, run.clock.now - before, limiter.window.snapshot("s")

    cancelled, took, snapshot = run.run(main())
    assert cancelled > 40
    assert took < 0.7, "all five slots are free, and only spread"
    assert (snapshot.waiting, snapshot.in_flight, server.refused) == (0, 0, 0)


def test_two_limits_and_neither_is_broken_or_starved(simulation):
    run = simulation()
    logs, records, tenant = run.server(30), run.server(5), run.server(50)
    limits = {name: Limiter(rate) for name, rate in (("logs", 30), ("records", 5), ("tenant", 50))}

    async def main():
        net = {"seconds": 60, "workers": 100, "up": between(0, 40), "down": between(5, 10)}
        await asyncio.gather(
            run.saturate(lambda: Permit(limits["logs"], limits["tenant"]), [logs, tenant], **net),
            run.saturate(lambda: Permit(limits["records"], limits["tenant"]), [records, tenant], **net),
        )

    run.run(main())
    assert (logs.refused, records.refused, tenant.refused) == (0, 0, 0)
    assert len(logs.accepted) > 0.97 * 30 * 60, "the slow operation holds up nobody else"
    assert len(records.accepted) > 0.96 * 5 * 60


def test_a_narrow_tenant_is_shared(simulation):
    run = simulation()
    logs, records, tenant = run.server(10), run.server(5), run.server(10)
    limits = {name: Limiter(rate) for name, rate in (("logs", 10), ("records", 5), ("tenant", 10))}

    async def main():
        net = {"seconds": 60, "workers": 100, "up": none, "down": none}
        await asyncio.gather(
            run.saturate(lambda: Permit(limits["logs"], limits["tenant"]), [logs, tenant], **net),
            run.saturate(lambda: Permit(limits["records"], limits["tenant"]), [records, tenant], **net),
        )

    run.run(main())
    assert (logs.refused, records.refused, tenant.refused) == (0, 0, 0)
    assert len(tenant.accepted) > 0.99 * 10 * 60
    assert min(len(logs.accepted), len(records.accepted)) > 0.45 * 10 * 60


@pytest.mark.parametrize("rates", [(30, 50), (30, 20), (5, 50)])
def test_nobody_waits_for_longer_than_slots_are_apart_while_there_are_some(simulation, rates):
    run = simulation()
    narrow, broad = Limiter(rates[0]), Limiter(rates[1])
    apart = 1 / (1.3 * min(rates))

    async def watch():
        """Return the longest time for which somebody waited, slots were free, and nobody left."""
        since, longest = run.clock.now, 0.0
        while run.clock.now < 1060:
            await asyncio.sleep(0.001)
            free = all((each.window.opens(each.rate_limit) or 9e9) <= run.clock.now for each in (narrow, broad))
            if not free or not narrow.window.snapshot("s").waiting:
                since = run.clock.now
            longest = max(longest, run.clock.now - max(since, *broad.window._sent))
        return longest

    async def main():
        watching = asyncio.create_task(watch())
        net = {"seconds": 60, "workers": 100, "up": between(0, 80), "down": between(0, 80)}
        await run.saturate(lambda: Permit(narrow, broad), [run.server(50)], **net)
        return await watching

    assert run.run(main()) <= apart + 0.003


def test_different_rates_over_one_scope_share_one_queue(simulation):
    run = simulation()
    server = run.server(30)
    fast = Limiter(30)
    slow = Limiter(10, window=fast.window)
    sent = {"fast": run.server(30), "slow": run.server(30)}

    async def main():
        net = {"seconds": 60, "workers": 5, "up": none, "down": none}
        await asyncio.gather(
            run.saturate(fast.permit, [server, sent["fast"]], **net),
            run.saturate(slow.permit, [server, sent["slow"]], **net),
        )

    run.run(main())
    assert server.refused == 0
    assert 0.8 < len(sent["slow"].accepted) / len(sent["fast"].accepted) < 1.25, "permit and permit about"


@pytest.mark.parametrize("cooled", [0, 1])
def test_after_a_cooldown_they_leave_in_order_and_not_as_a_herd(simulation, cooled):
    run = simulation()
    limits = (Limiter(30), Limiter(50))
    left: list[tuple[int, float]] = []

    async def go(number):
        async with Permit(*limits):
            left.append((number, run.clock.now))

    async def main():
        async with asyncio.TaskGroup() as group:
            for number in range(60):
                group.create_task(go(number))
            await asyncio.sleep(0.5)
            limits[cooled].cool_down(5.0)
            limits[cooled].cool_down(2.0)  # moves nothing: it ends earlier

    run.run(main())
    assert [number for number, _ in left] == list(range(60))
    assert not [at for _, at in left if 1000.501 < at < 1005.5]
    assert 1 <= sum(1005.5 <= at < 1005.6 for _, at in left) <= 7


def test_a_cooldown_of_one_operation_holds_up_no_other(simulation):
    run = simulation()
    logs, records, tenant = Limiter(30), Limiter(5), Limiter(50)
    served = []

    async def go(limiter, name):
        async with Permit(limiter, tenant):
            served.append((name, run.clock.now))

    async def main():
        async with asyncio.TaskGroup() as group:
            for _ in range(20):
                group.create_task(go(logs, "logs"))
                group.create_task(go(records, "records"))
            logs.cool_down(60.0)

    run.run(main())
    assert max(at for name, at in served if name == "records") < 1005
    assert min(at for name, at in served if name == "logs") >= 1060


def test_a_cooldown_that_begins_in_the_tenants_line_holds_up_no_other_operation(simulation):
    run = simulation()
    logs, records, tenant = Limiter(30), Limiter(5), Limiter(50)

    async def main():
        tenant.cool_down(2.0)
        first = asyncio.create_task(Permit(logs, tenant).acquire())
        await asyncio.sleep(1.0)
        second = asyncio.create_task(Permit(records, tenant).acquire())
        await asyncio.sleep(0.5)
        logs.cool_down(60.0)
        await second
        left = run.clock.now
        await first
        return left, run.clock.now

    assert run.run(main()) == pytest.approx((1002.0, 1061.5), abs=0.05)


def test_a_tenants_cooldown_that_begins_while_an_operation_cools_down_is_kept(simulation):
    run = simulation()
    logs, tenant = Limiter(30), Limiter(50)

    async def main():
        logs.cool_down(2.0)
        waiting = asyncio.create_task(Permit(logs, tenant).acquire())
        await asyncio.sleep(1.0)
        tenant.cool_down(3.0)
        await asyncio.sleep(2.9)
        logs.cool_down(1.0)  # begins just before the tenant's ends
        await waiting
        return run.clock.now

    assert run.run(main()) == pytest.approx(1004.9, abs=0.01)
