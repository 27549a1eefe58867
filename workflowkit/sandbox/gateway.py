"""The API gateway before SecMaster: who is asking, and how often.

Signatures are checked as the API Request Signing Guide describes, by code of the sandbox's own.
The wording for a date that is too far off isn't documented.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, quote, unquote
from uuid import uuid4

from starlette.responses import JSONResponse, Response

from .call import Call
from .iam import Iam
from .limits import SlidingSecond

_LIMIT = 200
_WRONG_BEFORE_LOCK = 5
_SKEW = timedelta(minutes=15)
_AUTHORIZATION = re.compile(r"SDK-HMAC-SHA256 Access=([^,]+), SignedHeaders=([^,]+), Signature=([0-9a-f]{64})")
_NO = "Incorrect IAM authentication information: "


class Gateway:
    """Lets a call through, or answers it.

    Args:
        keys: secret keys by access key. A temporary key's is a pair of secret key and security token.
        iam: who knows the tokens.
        limited: whether 200 calls a second are enforced.
    """

    def __init__(self, keys: Mapping[str, str | tuple[str, str]], iam: Iam, *, limited: bool) -> None:
        self._keys = keys
        self._iam = iam
        self._limits: dict[str, SlidingSecond] | None = {} if limited else None
        self._wrong: Counter[str] = Counter()

    def refuse(self, call: Call, endpoint: str) -> Response | None:
        """Return why a call isn't let through, None if it is."""
        problem = self._problem_of_token(call) if "x-auth-token" in call.headers else self._problem_of_key(call)
        if problem is not None:
            return problem
        if self._limits is not None:
            window = self._limits.setdefault(endpoint, SlidingSecond(_LIMIT))
            if window.is_full():
                return throttled("api", _LIMIT, "1 second")
            window.accept()
        return None

    def _problem_of_token(self, call: Call) -> Response | None:
        known = self._iam.knows(call.headers["x-auth-token"])
        if known is None:
            return refusal(401, "0301", f"{_NO}decrypt token fail")
        return None if known else refusal(401, "0307", "The token must be updated.")

    def _problem_of_key(self, call: Call) -> Response | None:
        parts = _AUTHORIZATION.fullmatch(call.headers.get("authorization", ""))
        if parts is None:
            return refusal(401, "0301", f"{_NO}x-auth-token not found")
        access, names, signature = parts.groups()
        if access not in self._keys:
            return refusal(401, "0301", f"{_NO}Get secretKey failed,ak:{access},err:ak not exist")
        if self._wrong[access] >= _WRONG_BEFORE_LOCK:
            return refusal(401, "0301", f"{_NO}AK access failed to reach the limit,forbidden.")
        if not _is_recent(call.headers.get("x-sdk-date", "")):
            return refusal(401, "0301", f"{_NO}x-sdk-date is expired")
        secret = self._keys[access]
        secret, security = secret if isinstance(secret, tuple) else (secret, None)
        canonical = _canonical(call, names.split(";"))
        good = hmac.compare_digest(signature, _signature(secret, call.headers["x-sdk-date"], canonical))
        whole = {"host", "x-sdk-date"} <= set(names.split(";"))
        if good and whole and call.headers.get("x-security-token") == security:
            self._wrong[access] = 0
            return None
        self._wrong[access] += 1
        shown = canonical.replace("\n", "|")
        return refusal(
            401,
            "0301",
            f"{_NO}verify aksk signature fail,canonicalRequest:{shown}authorization:{call.headers['authorization']}",
        )


def refusal(status: int, number: str, message: str) -> Response:
    """Return an error as the gateway words it."""
    body = {"error_msg": message, "error_code": f"APIGW.{number}", "request_id": uuid4().hex}
    return JSONResponse(body, status)


def throttled(policy: str, calls: int, time: str) -> Response:
    """Return the response to a call too many, which names the limit."""
    message = f"The throttling threshold has been reached: policy {policy} over ratelimit,limit:{calls},time:{time}"
    return refusal(429, "0308", message)


def _is_recent(date: str) -> bool:
    try:
        sent = datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return False
    return abs(datetime.now(UTC) - sent) <= _SKEW


def _canonical(call: Call, names: list[str]) -> str:
    segments = [quote(segment, safe="") for segment in unquote(call.path).split("/")]
    path = "/".join(segments)
    query = "&".join(
        f"{quote(name, safe='')}={quote(value, safe='')}"
        for name, value in sorted(parse_qsl(call.query, keep_blank_values=True))
    )
    headers = "".join(f"{name}:{call.headers.get(name, '').strip()}\n" for name in names)
    digest = hashlib.sha256(call.content).hexdigest()
    return f"{call.method}\n{path.rstrip('/')}/\n{query}\n{headers}\n{';'.join(names)}\n{digest}"


def _signature(secret: str, date: str, canonical: str) -> str:
    text = f"SDK-HMAC-SHA256\n{date}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
