"""Several event loops, one after the other or each in a thread of its own."""

from __future__ import annotations

import asyncio
import sys
import threading
import time

from workflowkit.ratelimit import Limiter, queue
from workflowkit.ratelimit.window import SlidingWindow, snapshots, window_of


def test_a_second_run_in_one_process_does_not_start_afresh(simulation):
    run = simulation()
    server = run.server(30)
    limiter = Limiter(30)
    for _ in range(5):
        run.run(run.saturate(limiter.permit, [server], workers=40, seconds=1.3, up=lambda _: 0.02, down=lambda _: 0.02))
    assert server.refused == 0
    assert len(server.accepted) > 150
    assert not [loop for loop in list(queue._queues)[:-1] if loop.is_closed()], "closed loops are forgotten"


def test_loops_in_several_threads_share_a_limit():
    limiter = Limiter(40)
    sends: list[float] = []

    async def work():
        until = time.monotonic() + 2.5
        while time.monotonic() < until:
            async with limiter.permit() as permit:
                sends.append(time.monotonic())
                permit.responded()

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


def test_a_slot_released_in_one_loop_wakes_the_waiter_in_another(monkeypatch, loop):
    monkeypatch.setattr(queue, "_POLL", 1000.0)
    limiter = Limiter(1)
    assert limiter.window.try_acquire(limiter.rate_limit, loop)

    async def main():
        waiting = asyncio.create_task(limiter.permit().acquire())
        await asyncio.sleep(0.05)
        await asyncio.to_thread(limiter.window.release, loop, sent_at=None, responded_at=None)
        async with asyncio.timeout(20):
            await waiting

    asyncio.run(main())


def test_a_slot_that_is_released_while_a_timer_is_set_is_noticed(monkeypatch, loop):
    limiter = Limiter(1)
    assert limiter.window.try_acquire(limiter.rate_limit, loop)
    opens = limiter.window.opens

    def given_back_meanwhile(rate_limit):
        answer = opens(rate_limit)
        monkeypatch.undo()
        monkeypatch.setattr(queue, "_POLL", 1000.0)
        limiter.window.release(loop, sent_at=None, responded_at=None)
        return answer

    monkeypatch.setattr(limiter.window, "opens", given_back_meanwhile)

    async def main():
        async with asyncio.timeout(20):
            await limiter.permit().acquire()

    asyncio.run(main())


def test_one_scope_has_one_window_whoever_asks_first():
    found: list[list[SlidingWindow]] = [[], []]
    start = threading.Barrier(2)

    def ask(windows):
        for name in range(300):
            start.wait()
            windows.append(window_of(("raced", str(name))))
            snapshots(("raced",))

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=ask, args=(windows,)) for windows in found]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert [id(window) for window in found[0]] == [id(window) for window in found[1]]
    assert len(found[0]) == 300


def test_a_slot_may_come_back_when_a_loop_was_closed_with_somebody_waiting(loop):
    limiter = Limiter(1)
    assert limiter.window.try_acquire(limiter.rate_limit, loop)

    async def leave_one_waiting():
        waiting = asyncio.ensure_future(limiter.permit().acquire())
        await asyncio.sleep(0.01)
        return waiting

    other = asyncio.new_event_loop()
    waiting = other.run_until_complete(leave_one_waiting())
    other.close()
    limiter.window.release(loop, sent_at=None, responded_at=None)
    assert limiter.window.opens(limiter.rate_limit) is not None
    waiting._log_destroy_pending = False


def test_requests_of_a_loop_that_was_closed_under_them_do_not_slow_down_who_sends_one_at_a_time(simulation):
    run = simulation()
    server = run.server(30)
    limiter = Limiter(30)
    dead = asyncio.new_event_loop()
    for _ in range(29):
        assert limiter.window.try_acquire(limiter.rate_limit, dead)
    dead.close()
    run.run(run.saturate(limiter.permit, [server], workers=1, seconds=60, up=lambda _: 0, down=lambda _: 0))
    assert len(server.accepted) > 1700


def test_a_permit_may_end_after_its_loop():
    window = SlidingWindow()

    async def begin():
        permit = Limiter(3, window=window).permit()
        await permit.acquire()
        permit.sent()
        return permit

    permit = asyncio.run(begin())
    with permit:
        pass
    assert window._in_flight == {}
    assert len(window._unanswered) == 1
