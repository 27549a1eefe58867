"""Never refused, never idle: a documented number of requests in any sliding second.

A `Limiter` is awaited before a request and told when its answer has begun::

    limiter = Limiter(30)                       # requests per second
    async with limiter.turn() as turn:          # waits in line
        response = await send()
        turn.answered()                         # else: when the block ends

**What it guarantees.** At most 30 requests reach the server in any second, the first one and the
one after a pause included. Who waits leaves in the order they came. A cancelled waiter costs
nothing, a lost answer no slot.

**What it assumes.** That the way to the server and the way back together never take less than the
fastest round trip of the last few hundred answers, give or take what they vary by. However much
single requests are delayed on either way, that holds; it fails when the network as a whole becomes
faster at a stroke, for one round trip. And that nothing else uses the quota. Where either is wrong
the server refuses, everyone waits for a second, and what was learned of the way is forgotten.

**What it costs.** A tenth of a percent or two of the rate, and what a request takes longer than the
fastest: nobody who is never refused can have more (see below). Some 30 microseconds of one core a
request, however many wait.

Why that holds
--------------
A server may count a request at any moment a, from when it is sent (s) until its answer begins (r).
There are as many **slots** as the limit, n. Whoever holds one may send, and it goes to another at
r - f + w: w is the window and a margin, f the floor of round trips. Let a request that was counted
at a leave its slot to one that is sent at s' and counted at a'. Its way back took r - a, the other's
way there a' - s', and together they took at least f. So

    a' = s' + (a' - s')  >=  r - f + w + (a' - s')  =  a + w + [(r - a) + (a' - s') - f]  >=  a + w

and two requests of one slot are never counted within one window. n slots, n requests.

Without f (nothing is known yet) that is true of any network. Without a the best that can be known
is that it lies within r - s - f of its earliest moment: whoever must be sure holds each slot for
w + r - s - f on average, and sends n / (w + mean(r - s) - f) a second: this does, but for the
margin and for how late timers fire. No answer came: then r is now, and as much later as the slowest
answer of late has taken.

The **token bucket** (aiolimiter's) in front of the slots is a little faster than the limit. It
keeps no limit, it spreads: slots that come free together, after a pause, don't leave together.
"""

from __future__ import annotations

from .ledger import LimitSnapshot as LimitSnapshot
from .limiter import Limiter as Limiter
from .limiter import Turn as Turn
