"""Never refused, never idle: a documented number of requests in any sliding second.

Acquire a permit from a `Limiter` before each request, and report when the response begins::

    limiter = Limiter(30)                           # requests per second
    async with limiter.permit() as permit:          # waits in a FIFO queue
        response = await send()
        permit.responded()                          # without it: when the block ends

**Guarantee.** The server counts at most 30 requests in any second. This includes the first second, and the
second after a pause. Within an event loop, requests leave in the order in which they asked. A request that
is cancelled before it was sent costs nothing. If a response is lost, the slot is free again once the request
can't arrive any more, and at least one second later.

**Assumptions.** No other process uses the same rate limit. The two ways, to the server and back, together
never take less than a floor. The floor is estimated from the latest 20 to 1,000 responses, and is somewhat
below the fastest of them. Single requests may have any delay. If the whole network suddenly becomes
faster, or if delays have long tails, a request may now and then arrive too early. A client that is refused
starts a cooldown for everyone, and forgets what it has learned of the network.

**Cost.** A request that takes x longer than the fastest one occupies its slot for x longer. With 20 ms on
average, 2 % of the rate is lost. At most 100 requests are in flight at once, and never more than the limit.
So at 30 a second, responses that take over a second reduce the throughput. The CPU time is about that of
aiolimiter alone, for any number of waiters (benchmarks/limiter/cost.py).

Proof
-----
A server may count a request at any moment a between the time it is sent (s) and the time its response
begins (r). There are as many **slots** as the limit allows requests: n. A request needs a slot to be sent.
The slot is free for the next request at r - f + w, or at r if that is later. Here w is the window plus a
margin, and f is the floor of round trips.

Let a request that was counted at a leave its slot to one that is sent at s' and counted at a'. The way back
of the first took r - a. The way of the second took a' - s'. Together they took at least f. So

    a' = s' + (a' - s')  >=  r - f + w + (a' - s')  =  a + w + [(r - a) + (a' - s') - f]  >=  a + w

Two requests of one slot are never counted within one window, so n slots send at most n requests. Without
a response, a is at most l, the latest time at which the request can arrive. The slot is free at l + w.

No client can know more of a than that it lies between s and r, less the least that the ways take. A client
that must be sure therefore occupies each slot for w + r - s - f on average. It sends at most
n / (w + mean(r - s) - f) requests a second. This limiter reaches that rate, except for the margin, for the
distance of f from the true floor, and for timers that fire late.

A **token bucket** (aiolimiter's) at 1.3 times the rate only spaces requests out. Without it, slots that become
free together after a pause would be used together. The slots keep the limit.
"""

from __future__ import annotations

from .limiter import Limiter as Limiter
from .limiter import Permit as Permit
from .window import LimitSnapshot as LimitSnapshot
