"""Tokens from IAM, Huawei Cloud's identity service, and their renewal.

Source: support.huaweicloud.com/api-iam/iam_30_0001.html, ``POST /v3/auth/tokens``. The token is a
header of the response. It lives 24 hours. A new one leaves the old one valid.
"""

from __future__ import annotations

import asyncio
import copy
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import attrs

from .._decode.converter import Time
from .._decode.model import Model
from .._http.endpoint import Endpoint
from .._http.message import Request, Response
from ..auth import Auth
from ..client import Client
from ..errors import AuthenticationError, DecodeError, WorkflowKitError
from ..options import Options
from ..redact import Secret
from .codes import TOKEN_REFUSED, classify, gateway_number
from .credentials import IamPassword

RATE = 5.0
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
class TokenAnswer(Model):
    """The body that comes with a token."""

    token: Token


TOKENS = Endpoint(
    name="iam.tokens",
    method="POST",
    path="/v3/auth/tokens",
    returns=TokenAnswer,
    rate=RATE,
    content_type="application/json;charset=utf8",
)


class _Nobody(Auth):
    """Needs no credentials but those in the body, of which it knows what not to show."""

    def __init__(self, password: Secret) -> None:
        self._password = password

    def explain(self, response: Response) -> str:
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
        super().__init__(system="iam", auth=_Nobody(credentials.password), classify=classify, options=options)
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
        told = result.value.token
        return token, told.expires_at - (told.issued_at or datetime.now(UTC))


class RenewedToken(Auth):
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

    async def ready(self) -> None:
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

    def renew(self, request: Request, error: AuthenticationError) -> bool:
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
