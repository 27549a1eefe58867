"""When to try again: a pure decision on the class of the error. The client owns clock and sleep."""

from __future__ import annotations

import random
from collections.abc import Callable

import attrs

from .errors import RateLimited, ServerError, TransportError, WorkflowKitError

ADVISED = 1.0
"""Seconds: the least that Jodoo advises to wait after a rate refusal (hc.jiandaoyun.com/open/11261)."""


@attrs.frozen(kw_only=True)
class RetryPolicy:
    """How often and after how long a failed attempt is repeated. All times are in seconds.

    Attributes:
        attempts: tries in all for what may pass by itself (no response, a server error).
        rate_limit_attempts: tries in all while the service keeps refusing for the rate.
        first_delay: the pause after the first failure. It doubles with each further one.
        longest_delay: where the doubling ends.
        longest_retry_after: a ``Retry-After`` beyond this is not waited for but raised.
    """

    attempts: int = 5
    rate_limit_attempts: int = 20
    first_delay: float = 0.5
    longest_delay: float = 30.0
    longest_retry_after: float = 300.0

    def delay(
        self, error: WorkflowKitError, attempt: int, *, jitter: Callable[[], float] = random.random
    ) -> float | None:
        """Return how long to wait after the attempt that failed so, None to give up.

        A pause grows exponentially and is spread over its upper half, so that clients that failed
        together don't return together. A rate refusal is waited for by all alike, who then leave one by one.
        """
        if not isinstance(error, (RateLimited, ServerError, TransportError)):
            return None
        if isinstance(error, TransportError) and error.permanent:
            return None
        limited = isinstance(error, RateLimited)
        advised = getattr(error, "retry_after", None) or 0.0
        if attempt >= (self.rate_limit_attempts if limited else self.attempts) or advised > self.longest_retry_after:
            return None
        pause = min((ADVISED if limited else self.first_delay) * 2 ** (attempt - 1), self.longest_delay)
        return float(max(advised, ADVISED, pause) if limited else max(advised, pause * (0.5 + jitter() / 2)))
