"""Credentials at work, but for those that send requests themselves: see `iam`."""

from __future__ import annotations

import asyncio
import copy
import re
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from .._http.message import Request, Response
from ..auth import Auth
from ..errors import ApiError, AuthenticationError
from .codes import gateway_number
from .credentials import AccessKey, IamToken
from .signing import sign

_LOCK = 300.0
"""Seconds that five wrong signatures in a row lock an access key for."""

_TOLERATED = timedelta(minutes=15)
_SET = 1.0
"""Seconds by which a clock must have been moved to be another one."""

_LOCKED = b"reach the limit"
"""What the gateway says of a key that is locked: "AK access failed to reach the limit,forbidden."."""

_ECHO = re.compile(r",canonicalRequest:.*", re.DOTALL)


class GivenToken(Auth):
    """A token that nobody here can renew."""

    def __init__(self, credentials: IamToken) -> None:
        self._token = credentials.token

    def authorize(self, request: Request) -> None:
        """Set X-Auth-Token."""
        request.headers["X-Auth-Token"] = self._token

    def explain(self, response: Response) -> str:
        """Return what a refused token may be, and the way out."""
        return (
            "a token lives 24 hours and is good for one project of one region: "
            "pass a new one, or IamPassword or AccessKey, which need no renewing by you"
        )

    def _secrets(self) -> Iterable[str]:
        return (self._token,)


def _clock() -> float:
    """Return by how much the clock is ahead of the one that nobody sets."""
    return time.time() - time.monotonic()


class Signer(Auth):
    """Signs every attempt anew. A refusal is final: wrong signatures lock the key.

    Until a key was accepted once, one request at a time is sent: so one wrong signature is sent, and not one by each
    task. For as long as a lock would last nothing more is sent by this client, whatever the calls that come or wait:
    they fail as the refused one did. A clock that was off is another matter: once it was set, the key is tried again.
    """

    def __init__(self, credentials: AccessKey, project_id: str) -> None:
        self._key = credentials
        self._project_id = project_id
        self._refusal: AuthenticationError | None = None
        self._refused_until = 0.0
        self._is_clock_off = False  # as the latest refusal said
        self._clock: float | None = None  # how it differed from the monotonic one, when it was off
        self._accepted = False
        self._trying = asyncio.Lock()

    @property
    def is_ready(self) -> bool:
        """Whether the key wasn't refused of late, or was because of a clock that has been set since."""
        if self._clock is not None and abs(_clock() - self._clock) > _SET:
            self._clock, self._refused_until = None, 0.0
        return time.monotonic() >= self._refused_until

    @asynccontextmanager
    async def trial(self) -> AsyncIterator[None]:
        """Let one attempt at a time through until the key was accepted."""
        if not self._accepted:
            async with self._trying:
                if not self._accepted:
                    try:
                        yield
                    except ApiError as error:  # what SecMaster itself refuses, its gateway has let through
                        self._accepted = str(error.code).startswith("SecMaster.")
                        raise
                    self._accepted = True
                    return
        yield

    async def ready(self) -> None:
        """Raise the refusal again if there was one of late."""
        if not self.is_ready and self._refusal is not None:
            again = copy.copy(self._refusal)
            again.attempts, again.endpoint, again.item_id = 0, None, None
            raise again

    def authorize(self, request: Request) -> None:
        """Sign the request as it stands."""
        request.headers["X-Project-Id"] = self._project_id
        if self._key.security_token is not None:
            request.headers["X-Security-Token"] = self._key.security_token
        sign(request, self._key.ak, self._key.sk, at=datetime.now(UTC))

    def renew(self, request: Request, error: AuthenticationError) -> bool:
        """Remember a refusal by the gateway. There is nothing to renew."""
        if gateway_number(error.code) is not None:
            self._refusal, self._refused_until = copy.copy(error), time.monotonic() + _LOCK
            self._clock = _clock() if self._is_clock_off else None
        return False

    def explain(self, response: Response) -> str:
        """Return whether the clock is to blame, and why there was no second try."""
        self._is_clock_off = False
        if _LOCKED in response.content:
            return (
                "this access key is locked after five wrong signatures, whoever sent them: wait 5 minutes, then check "
                "access key and secret key"
            )
        lock = "not tried again for 5 minutes, since five wrong signatures in a row lock an access key for as long"
        ahead = response.clock_ahead
        self._is_clock_off = ahead is not None and abs(ahead) >= _TOLERATED
        if ahead is None or abs(ahead) < _TOLERATED:
            return f"check access key and secret key; {lock}"
        direction = "ahead of" if ahead > timedelta(0) else "behind"
        minutes = round(abs(ahead).total_seconds() / 60)
        return (
            f"your clock is {minutes} minutes off: {direction} the service's, which refuses signatures "
            "that are more than 15 minutes away; set it right, then it is tried again"
        )

    def redact(self, text: str) -> str:
        """Replace the key's parts, and leave out the request, signature and all, that a refusal repeats."""
        return _ECHO.sub("", super().redact(text))

    def _secrets(self) -> Iterable[str]:
        return filter(None, (self._key.ak, self._key.sk, self._key.security_token))
