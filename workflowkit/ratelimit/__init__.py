"""Never refused, never idle: a documented number of requests in any sliding second.

A `Limiter` is waited for before a request, and told when the answer has begun::

    limiter = Limiter(30)                       # requests per second
    async with limiter.turn() as turn:          # waits in line
        response = await send()
        turn.answered()                         # else: when the block ends

**What it guarantees.** The server counts at most 30 requests in any second, the first one and the
one after a pause included. Within an event loop, requests leave in the order they came. One that
is cancelled before it was sent costs nothing; after one whose answer was lost, the slot comes back
when it can't be on its way any more, a second later at least.

**What it assumes.** That nobody else uses the quota, and that the way to the server and the way
back together never take less than the floor that is estimated from the latest 20 to 1,000 answers, somewhat
below the fastest of them. Single requests may be delayed as they like. If the whole network
becomes faster at a stroke, or delays have long tails, now and then one request may come too
early. A client that is refused lets everyone wait, and forgets what it has learned of the network.

**What it costs.** A request whose round trip takes x longer than the fastest blocks its slot for x
longer: with 20 ms on average, 2 % of the rate is lost. No more requests than the limit, nor than
100, are under way at once: at 30 a second, answers that take over a second cost throughput. CPU: about
what aiolimiter takes alone, however many wait (benchmarks/limiter/cost.py).

Why that holds
--------------
A server may count a request at any moment a, from when it is sent (s) until its answer begins (r).
There are as many **slots** as the limit, n. Whoever holds one may send, and it goes to another at
r - f + w, or at r if that is later: w is the window and a margin, f the floor of round trips. Let a
request that was counted at a leave its slot to one that is sent at s' and counted at a'. The first
one's way back took r - a, the other's way there a' - s', and together they took at least f. So

    a' = s' + (a' - s')  >=  r - f + w + (a' - s')  =  a + w + [(r - a) + (a' - s') - f]  >=  a + w

and two requests of one slot are never counted within one window. n slots, n requests. Without an
answer, a is at most l, when it can't be on its way any more, and the slot goes on at l + w.

Nobody can know more of a than that it lies between s and r, less what the ways take at least. So who
must be sure holds each slot for w + r - s - f on average, and sends n / (w + mean(r - s) - f) a
second: so does this, but for the margin, for f's distance from the truth, and for timers that fire late.

A **token bucket** (aiolimiter's) at 1.3 times the rate only spreads requests out, so that slots
which come free together, after a pause, don't leave together. The slots keep the limit.
"""

from __future__ import annotations

from .ledger import LimitSnapshot as LimitSnapshot
from .limiter import Limiter as Limiter
from .limiter import Turn as Turn
