"""Whatever is asked of the limiter, and whatever becomes of it: generated, in virtual time."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import attrs
from hypothesis import given
from hypothesis import strategies as st

from workflowkit.ratelimit import Limiter, Permit

RATES = {"logs": 7, "records": 3}
TENANT = 8

milliseconds = st.integers(0, 1500).map(lambda number: number / 1000)


@attrs.frozen
class Call:
    """One request: when it is made, of which operation, how long it travels, and what becomes of it."""

    at: float
    operation: str
    up: float
    down: float
    fate: str
    after: float


calls = st.builds(
    Call,
    at=st.integers(0, 6000).map(lambda number: number / 1000),
    operation=st.sampled_from(sorted(RATES)),
    up=milliseconds,
    down=milliseconds,
    fate=st.sampled_from(["answered"] * 6 + ["cancelled", "lost", "unsent", "impatient"]),
    after=milliseconds,
)
worlds = st.fixed_dictionaries(
    {
        "calls": st.lists(calls, min_size=1, max_size=60),
        "cooldowns": st.lists(
            st.tuples(st.integers(0, 6000), st.sampled_from(["logs", "records", "tenant"]), milliseconds), max_size=3
        ),
        "there": st.sampled_from([0.0, 0.02, 0.3]),
        "back": st.sampled_from([0.0, 0.05, 0.4]),
        "learned": st.booleans(),
        "stalls": st.sampled_from([0.0, 0.05]),
        "seed": st.integers(0, 99),
    }
)


class Model:
    """Two operations of one tenant, and a strict server for each limit."""

    def __init__(self, simulation, world):
        self.run = simulation(stalls=world["stalls"], seed=world["seed"])
        self.there, self.back = world["there"], world["back"]
        self.limits = {name: Limiter(rate) for name, rate in RATES.items()} | {"tenant": Limiter(TENANT)}
        self.servers = {name: self.run.server(rate) for name, rate in (RATES | {"tenant": TENANT}).items()}
        self.joined: dict[str, list[int]] = {name: [] for name in RATES}
        self.left: dict[str, list[int]] = {name: [] for name in RATES}
        self.sends: list[tuple[str, float]] = []
        self.cooling: list[tuple[str, float, float]] = []

    def permit(self, operation):
        return Permit(self.limits[operation], self.limits["tenant"])

    def arrive(self, operation):
        self.servers[operation].arrive()
        self.servers["tenant"].arrive()

    def cool(self, name, seconds):
        self.cooling.append((name, self.run.clock.now, self.run.clock.now + seconds))
        self.limits[name].cool_down(seconds)

    async def learn(self):
        """Let the fastest way be seen, as it will have been where many requests were sent."""
        for name in RATES:
            for _ in range(20):
                servers = self.servers[name], self.servers["tenant"]
                await self.run.exchange(self.permit(name), self.there, self.back, *servers)

    async def send(self, number, call):
        await asyncio.sleep(call.at)
        permit = self.permit(call.operation)
        self.joined[call.operation].append(number)
        with suppress(TimeoutError):
            await permit.acquire(call.after if call.fate == "impatient" else None)
            with permit:
                self.left[call.operation].append(number)
                if call.fate != "unsent":
                    permit.sent()
                    self.sends.append((call.operation, self.run.clock.now))
                    await self.travel(call)
                    permit.responded()

    async def travel(self, call):
        if call.fate == "lost":  # given up soon, and counted up to a second after that
            when = call.after + self.there + min(call.up, 0.6)
            asyncio.get_running_loop().call_later(when, self.arrive, call.operation)
            await asyncio.sleep(call.after)
            raise TimeoutError
        await asyncio.sleep(self.there + call.up)
        self.arrive(call.operation)
        await asyncio.sleep(self.back + call.down)

    async def live(self, calls, cooldowns):
        loop = asyncio.get_running_loop()
        for at, name, seconds in cooldowns:
            loop.call_later(at / 1000, self.cool, name, seconds)
        tasks = []
        for number, call in enumerate(calls):
            tasks.append(asyncio.create_task(self.send(number, call)))
            if call.fate == "cancelled":
                loop.call_later(call.at + call.after, tasks[-1].cancel)
        async with asyncio.timeout(300):  # or it is stuck
            await asyncio.gather(*tasks, return_exceptions=True)


@given(worlds)
def test_never_more_than_the_limit_in_order_and_nothing_lost(simulation, world):
    model = Model(simulation, world)
    clock = model.run.clock
    calls = world["calls"] if world["learned"] else world["calls"][:19]

    async def main():
        if world["learned"]:
            await model.learn()
        await model.live(calls, world["cooldowns"])
        snapshots = [each.window.snapshot(name) for name, each in model.limits.items()]
        assert [(each.waiting, each.in_flight) for each in snapshots] == [(0, 0)] * 3
        await asyncio.sleep(8)  # the last cooldown is over, and what was lost is counted no more
        before = clock.now
        await asyncio.gather(*(model.run.exchange(model.permit("logs"), 0, 0) for _ in range(RATES["logs"])))
        assert clock.now - before < 1.0 or world["stalls"], "after a pause, a second's worth leaves within a second"

    model.run.run(main())
    assert {name: server.refused for name, server in model.servers.items()} == dict.fromkeys(model.servers, 0)
    for name, left in model.left.items():
        order = iter(model.joined[name])
        assert all(number in order for number in left), f"{name}: {left} of {model.joined[name]}"
    for name, since, until in model.cooling:
        assert not [at for operation, at in model.sends if name in (operation, "tenant") and since < at < until]


@given(st.lists(st.tuples(milliseconds, milliseconds), min_size=1, max_size=19))
def test_before_anything_is_known_any_network_will_do(simulation, trips):
    run = simulation()
    server = run.server(3)
    limiter = Limiter(3)

    async def main():
        async with asyncio.TaskGroup() as group:
            for up, down in trips:
                group.create_task(run.exchange(limiter.permit(), up, down, server))

    run.run(main())
    assert server.refused == 0
    assert len(server.accepted) == len(trips)
