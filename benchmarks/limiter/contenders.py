"""Limiters for 30 requests a second, each used as its documentation says."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import aiolimiter
import async_limiter
import asynciolimiter
import pyrate_limiter

from workflowkit.ratelimit import Limiter

from .server import RATE

Enter = Callable[[], AbstractAsyncContextManager[Any]]
"""Makes what one request is sent in."""


def workflowkit() -> Enter:
    return Limiter(RATE).permit


def aiolimiter_of(capacity: float, period: float) -> Callable[[], Enter]:
    def make() -> Enter:
        limiter = aiolimiter.AsyncLimiter(capacity, period)
        return lambda: limiter

    return make


def strict() -> Enter:
    limiter = asynciolimiter.StrictLimiter(RATE)

    @asynccontextmanager
    async def enter() -> AsyncIterator[None]:
        await limiter.wait()
        yield

    return enter


def pyrate() -> Enter:
    limiter = pyrate_limiter.Limiter(pyrate_limiter.Rate(RATE, pyrate_limiter.Duration.SECOND))

    @asynccontextmanager
    async def enter() -> AsyncIterator[None]:
        await limiter.try_acquire_async("all")
        yield

    return enter


def dual() -> Enter:
    limiter = async_limiter.DualRateLimiter(max_concurrent=RATE, max_requests=RATE, time_period=1)
    return lambda: limiter


CONTENDERS: dict[str, Callable[[], Enter]] = {
    "**workflowkit** `Limiter(30)`": workflowkit,
    "aiolimiter `AsyncLimiter(30, 1)`": aiolimiter_of(RATE, 1),
    "aiolimiter `AsyncLimiter(1, 1/30)`": aiolimiter_of(1, 1 / RATE),
    "aiolimiter `AsyncLimiter(1, 1/28)`": aiolimiter_of(1, 1 / (RATE - 2)),
    "asynciolimiter `StrictLimiter(30)`": strict,
    "pyrate-limiter `Limiter(Rate(30, SECOND))`": pyrate,
    "async-limiter `DualRateLimiter(30, 30, 1)`": dual,
}
