"""When to try again: a pure decision on the class of the error. The client owns clock and sleep."""

from __future__ import annotations

import random
from collections.abc import Callable

import attrs

from .errors import RateLimited, ServerError, TransportError, WorkflowKitError


@attrs.frozen(kw_only=True)
class RetryPolicy:
    """How often and after how long a failed attempt is repeated. All times are in seconds.

    Attributes:
        attempts: tries in all for what may pass by itself (no answer, a server error).
        rate_limit_attempts: tries in all while the service keeps refusing for the rate.
        first_delay: the pause after the first failure; it doubles with each further one.
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
        together don't return together. A rate refusal waits at least the second its vendor advises.
        """
        if isinstance(error, RateLimited):
            tries, first = self.rate_limit_attempts, max(1.0, self.first_delay)
        elif isinstance(error, (ServerError, TransportError)):
            tries, first = self.attempts, self.first_delay
        else:
            return None
        asked = getattr(error, "retry_after", None) or 0.0
        if attempt >= tries or asked > self.longest_retry_after:
            return None
        pause = min(first * 2 ** (attempt - 1), self.longest_delay)
        spread = pause if isinstance(error, RateLimited) else pause * (0.5 + jitter() / 2)
        return float(max(asked, spread))
