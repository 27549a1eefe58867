from __future__ import annotations

import pytest

from workflowkit.errors import (
    ApiError,
    AuthenticationError,
    DecodeError,
    NotFound,
    QuotaExceeded,
    RateLimited,
    ServerError,
    TransportError,
)
from workflowkit.retry import RetryPolicy

POLICY = RetryPolicy()


@pytest.mark.parametrize("error", [TransportError("x"), ServerError("x")])
def test_passing_errors_wait_longer_each_time_then_give_up(error):
    highest = [POLICY.delay(error, attempt, jitter=lambda: 1.0) for attempt in range(1, 6)]
    lowest = [POLICY.delay(error, attempt, jitter=lambda: 0.0) for attempt in range(1, 6)]
    assert highest == [0.5, 1.0, 2.0, 4.0, None]
    assert lowest == [0.25, 0.5, 1.0, 2.0, None]


def test_rate_refusals_wait_at_least_a_second_and_many_times():
    delays = [POLICY.delay(RateLimited("x"), attempt) for attempt in range(1, 21)]
    assert delays[:6] == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0]
    assert delays[18:] == [30.0, None]


@pytest.mark.parametrize("kind", [RateLimited, ServerError])
def test_retry_after_is_honoured_up_to_a_bound(kind):
    assert POLICY.delay(kind("x", retry_after=7.0), 1) == 7.0
    assert POLICY.delay(kind("x", retry_after=301.0), 1) is None


@pytest.mark.parametrize(
    "error", [ApiError("x"), AuthenticationError("x"), NotFound("x"), QuotaExceeded("x"), DecodeError(("x @ $",))]
)
def test_what_cannot_pass_is_not_retried(error):
    assert POLICY.delay(error, 1) is None
