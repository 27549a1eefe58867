"""Credentials at work, but for those that send requests themselves: see `iam`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from ..auth import Auth
from ..exchange import Request, Response
from ..signing import sign
from .credentials import AccessKey, IamToken

_TOLERATED = timedelta(minutes=15)
_SIGNATURE = re.compile(r"(?<=Signature=)\w+")


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


class Signer(Auth):
    """Signs every attempt anew. A refusal is final: wrong signatures lock the key."""

    def __init__(self, credentials: AccessKey, project_id: str) -> None:
        self._key = credentials
        self._project_id = project_id

    def authorize(self, request: Request) -> None:
        """Sign the request as it stands."""
        request.headers["X-Project-Id"] = self._project_id
        if self._key.security_token is not None:
            request.headers["X-Security-Token"] = self._key.security_token
        sign(request, self._key.ak, self._key.sk, at=datetime.now(UTC))

    def explain(self, response: Response) -> str:
        """Return whether the clock is to blame, and why there was no second try."""
        lock = "not tried again, since five wrong signatures in a row lock an access key for 5 minutes"
        ahead = _ahead(response)
        if ahead is None or abs(ahead) < _TOLERATED:
            return f"check access key and secret key; {lock}"
        direction = "ahead of" if ahead > timedelta(0) else "behind"
        minutes = round(abs(ahead).total_seconds() / 60)
        return (
            f"your clock is {minutes} minutes off: {direction} the service's, which refuses signatures "
            f"that are more than 15 minutes away; set it right; {lock}"
        )

    def redact(self, text: str) -> str:
        """Replace the key's parts, and the signature, which the gateway repeats in its refusals."""
        return _SIGNATURE.sub("[redacted]", super().redact(text))

    def _secrets(self) -> Iterable[str]:
        return filter(None, (self._key.ak, self._key.sk, self._key.security_token))


def _ahead(response: Response) -> timedelta | None:
    """Return how far our clock is ahead of the service's, None where it doesn't tell its time."""
    try:
        theirs = parsedate_to_datetime(response.headers["date"])
    except (KeyError, ValueError):
        return None
    return datetime.now(UTC) - theirs if theirs.tzinfo else None
