"""Credentials at work for one client: a token, a signature, or a password that gets tokens from IAM.

IAM is Huawei Cloud's identity service. Source: support.huaweicloud.com/api-iam/iam_30_0001.html, ``POST
/v3/auth/tokens``. The token is a header of the response. It lives 24 hours. A new one leaves the old one valid.
"""

from __future__ import annotations

import asyncio
import copy
import re
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from datetime import UTC, datetime, timedelta

import attrs

from .._decode.converter import Time
from .._decode.model import Model
from .._http.endpoint import Endpoint
from .._http.message import Request, Response
from .._http.trial import Trial
from ..auth import Auth
from ..client import Client
from ..errors import ApiError, AuthenticationError, ConfigError, DecodeError, WorkflowKitError
from ..options import Options
from ..redact import Secret
from .codes import TOKEN_REFUSED, classify, gateway_number
from .credentials import AccessKey, Credentials, IamPassword, IamToken
from .regions import iam_url, secmaster_url
from .signing import sign

_LOCK = 300.0
"""Seconds that five wrong signatures in a row lock an access key for."""

_TOLERATED = timedelta(minutes=15)
_SET = 1.0
"""Seconds by which a clock must have been moved to be another one."""

_LOCKED = b"reach the limit"
"""What the gateway says of a key that is locked: "AK access failed to reach the limit,forbidden."."""

_ECHO = re.compile(r",canonicalRequest:.*", re.DOTALL)


class StaticToken(Auth):
    """A token that nobody here can renew."""

    def __init__(self, credentials: IamToken) -> None:
        self._token = credentials.token

    def authorize(self, request: Request) -> None:
        """Set X-Auth-Token."""
        request.headers["X-Auth-Token"] = self._token

    def hint_for(self, response: Response) -> str:
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
        self._trial = Trial()

    @property
    def is_ready(self) -> bool:
        """Whether the key wasn't refused of late, or was because of a clock that has been set since."""
        if self._clock is not None and abs(_clock() - self._clock) > _SET:
            self._clock, self._refused_until = None, 0.0
        return time.monotonic() >= self._refused_until

    def trial(self) -> AbstractAsyncContextManager[object]:
        """Let one attempt at a time through until the key was accepted."""
        return nullcontext() if self._trial.is_accepted else self._try()

    @asynccontextmanager
    async def _try(self) -> AsyncIterator[None]:
        async with self._trial.attempt():
            try:
                yield
            except ApiError as error:  # what SecMaster itself refuses, its gateway has let through
                if str(error.code).startswith("SecMaster."):
                    self._trial.is_accepted = True
                raise
            self._trial.is_accepted = True

    async def prepare(self) -> None:
        """Raise the refusal again if there was one of late."""
        if not self.is_ready and self._refusal is not None:
            again = copy.copy(self._refusal)
            again.attempts, again.endpoint, again.item_id = 0, None, None
            raise again

    def authorize(self, request: Request) -> None:
        """Sign the request as it is."""
        request.headers["X-Project-Id"] = self._project_id
        if self._key.security_token is not None:
            request.headers["X-Security-Token"] = self._key.security_token
        sign(request, self._key.ak, self._key.sk, at=datetime.now(UTC))

    def on_refused(self, request: Request, error: AuthenticationError) -> bool:
        """Remember a refusal by the gateway. There is nothing to renew."""
        if gateway_number(error.code) is not None:
            self._refusal, self._refused_until = copy.copy(error), time.monotonic() + _LOCK
            self._clock = _clock() if self._is_clock_off else None
        return False

    def hint_for(self, response: Response) -> str:
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


_RATE = 5.0
"""Requests per second: none is documented. A cloud of the vendor's make refused more."""

_EARLY = timedelta(minutes=10)
"""A token is renewed so long before its end, or at half its life if that is later."""

_LEAST = timedelta(minutes=1)
"""A token is used for so long whatever its life seems to be: a clock may be wrong, and a refusal tells."""


@attrs.frozen(kw_only=True)
class Token(Model):
    """What IAM says about a token."""

    expires_at: Time
    issued_at: Time | None = None


@attrs.frozen(kw_only=True)
class TokenBody(Model):
    """The body that comes with a token."""

    token: Token


TOKENS = Endpoint(
    name="iam.tokens",
    method="POST",
    path="/v3/auth/tokens",
    returns=TokenBody,
    rate=_RATE,
    content_type="application/json;charset=utf8",
)


class _PasswordInBody(Auth):
    """Needs no credentials but those in the body, of which it knows what not to show."""

    def __init__(self, password: Secret) -> None:
        self._password = password

    def hint_for(self, response: Response) -> str:
        """Return why there was no second try."""
        return (
            "check user, password, domain and project; not tried again, since five wrong passwords lock the account "
            "for 15 minutes"
        )

    def _secrets(self) -> Iterable[str]:
        return (self._password,)


class IamClient(Client):
    """Gets project-scoped tokens."""

    def __init__(self, credentials: IamPassword, project_id: str, options: Options) -> None:
        super().__init__(system="iam", auth=_PasswordInBody(credentials.password), classify=classify, options=options)
        self._credentials = credentials
        self._project_id = project_id

    async def token(self) -> tuple[Secret, timedelta]:
        """Return a new token and how long it lives. Raises `AuthenticationError` for a wrong password."""
        who = self._credentials
        user = {"name": who.user, "password": who.password, "domain": {"name": who.domain}}
        body = {
            "auth": {
                "identity": {"methods": ["password"], "password": {"user": user}},
                "scope": {"project": {"id": self._project_id}},
            }
        }
        result = await self._call(TOKENS, body, query={"nocatalog": True})
        token = Secret(result.headers.get("x-subject-token", ""))
        if not token:
            error = DecodeError(("no X-Subject-Token in the headers @ $",))
            error.endpoint, error.attempts = TOKENS.name, result.attempts
            raise error
        got = result.value.token
        return token, got.expires_at - (got.issued_at or datetime.now(UTC))


class RefreshingToken(Auth):
    """A token that is got when the first request needs it, and renewed before it ends or when it is refused.

    However many requests wait for a token, one is requested. If that fails, it fails for all of
    them. Once a password was refused it is not sent again: the account would be locked.
    """

    def __init__(self, iam: IamClient) -> None:
        self._iam = iam
        self._asking = asyncio.Lock()
        self._token = Secret()
        self._good_until = 0.0
        self._failures = 0
        self._failure: WorkflowKitError | None = None

    @property
    def is_ready(self) -> bool:
        """Whether there is a token that is good for a while."""
        return time.monotonic() < self._good_until

    async def prepare(self) -> None:
        """Have a token that is good for a while. Raises what `IamClient.token` does."""
        if self.is_ready:
            return
        failures = self._failures
        async with self._asking:
            if self.is_ready:  # somebody else got it meanwhile
                return
            if self._failure is not None and (
                self._failures > failures or isinstance(self._failure, AuthenticationError)
            ):
                raise copy.copy(self._failure)
            try:
                self._token, life = await self._iam.token()
            except WorkflowKitError as error:
                self._failures += 1
                self._failure = copy.copy(error)
                raise
            self._good_until = time.monotonic() + max(life - _EARLY, life / 2, _LEAST).total_seconds()

    def authorize(self, request: Request) -> None:
        """Set X-Auth-Token."""
        request.headers["X-Auth-Token"] = self._token

    def on_refused(self, request: Request, error: AuthenticationError) -> bool:
        """Give up the token that was refused, unless somebody has replaced it already."""
        if gateway_number(error.code) not in TOKEN_REFUSED:
            return False
        if request.headers["X-Auth-Token"] == self._token:
            self._good_until = 0.0
        return True

    async def aclose(self) -> None:
        """Close the connections to IAM."""
        await self._iam.aclose()

    def _secrets(self) -> Iterable[str]:
        return (self._token,) if self._token else ()


def check_address(name: str, options: Options) -> None:
    """Raise ConfigError, naming the option, for what is no address, or has a path."""
    options.check(name)
    if options.base_url.count("/") > 2:
        raise ConfigError(f"{name}={options.base_url!r}: pass scheme and host only; paths are the client's own")


def make_auth(credentials: Credentials, project_id: str, region: str | None, options: Options) -> Auth:
    """Return the credentials at work for a client with these options. Raises ConfigError for what are none."""
    if isinstance(credentials, IamToken):
        return StaticToken(credentials)
    if isinstance(credentials, AccessKey):
        return Signer(credentials, project_id)
    if not isinstance(credentials, IamPassword):
        raise ConfigError(f"credentials of type {type(credentials).__name__}: pass AccessKey, IamPassword or IamToken")
    endpoint = credentials.iam_endpoint or iam_url(secmaster_url(region) if region else options.base_url)
    if endpoint is None:
        raise ConfigError(
            f"base_url={options.base_url!r} is not the vendor's own: pass where its tokens come from, as "
            "IamPassword(..., iam_endpoint=...) or HUAWEICLOUD_SDK_IAM_ENDPOINT, or name the region"
        )
    options = attrs.evolve(options, base_url=endpoint.rstrip("/"), rate="default", default_rate=_RATE)
    check_address("iam_endpoint", options)
    return RefreshingToken(IamClient(credentials, project_id, options))
