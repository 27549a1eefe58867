"""What the error codes of SecMaster, its API gateway and IAM mean for the caller.

Three services answer under one address, each in a shape of its own, and "not found" is HTTP 400
with a code. Messages are localised and never looked at, but for the gateway's of a throttled
call, which names the limit. Sources: support.huaweicloud.com/api-secmaster/ErrorCode.html (every
code there comes with HTTP 400), .../devg-apisign/api-sign-errorcode.html (the gateway), and the
vendor's Terraform provider for what is marked so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .._decode.document import parse
from .._http.message import Response
from .._http.status import kind_of_foreign, kind_of_status, make_error, text_of
from ..errors import (
    ApiError,
    AuthenticationError,
    DecodeError,
    InvalidRequest,
    NotFound,
    PermissionDenied,
    QuotaExceeded,
    RateLimited,
    ServerError,
)

TOKEN_REFUSED = frozenset({"0301", "0307"})
"""The gateway's codes, with HTTP 401, for a token that a new one may replace."""

# fmt: off
_SECMASTER: Mapping[type[ApiError], tuple[str, ...]] = {
    NotFound: (
        "20010001", "20041001",                 # the workspace
        "20030005", "20041031", "20030022",     # data object, data class
        "20040605", "20040611", "20048004",     # workflow and its version, playbook parts (Terraform)
        "20040220", "20041303",                 # component template, layout (Terraform)
        "00041003", "00041004",                 # with HTTP 500 (Terraform)
    ),
    PermissionDenied: ("00000012",),
    ServerError: (
        "20039999", "20040000", "00000008",     # unknown and inner errors
        "11181002",                             # "during version upgrade, access is prohibited"
    ),
}
_GATEWAY: Mapping[type[ApiError], tuple[str, ...]] = {
    AuthenticationError: ("0301", "0303", "0305", "0307", "0311"),
    PermissionDenied: ("0302", "0304", "0306", "0310", "0401", "0402", "0404", "0801", "0802"),
    NotFound: ("0101", "0103", "0104", "0105", "0106"),
    RateLimited: ("0308",),
    QuotaExceeded: ("0501", "0502"),
    ServerError: ("0202", "0203", "0601", "0605", "0606", "0608", "0610", "0613"),
    InvalidRequest: ("0705",),                  # the backend's signature: no use trying again
}
# fmt: on

KINDS: Mapping[str, type[ApiError]] = {
    **{f"SecMaster.{code}": kind for kind, codes in _SECMASTER.items() for code in codes},
    **{f"{prefix}.{code}": kind for kind, codes in _GATEWAY.items() for code in codes for prefix in ("APIGW", "APIG")},
    "common.00000500": NotFound,
}
"""The class of each code that says more than its HTTP status. APIGW and APIG are one gateway."""

_INNER = frozenset({"SecMaster.20039999", "SecMaster.20040000", "SecMaster.00000008"})
"""Unknown and inner errors: the service is up, and fails at what was requested."""

_BY_STATUS = frozenset({401, 403, 429})
"""Statuses that say who must act, whatever the code."""

_HINTS: Mapping[str, str] = {
    "SecMaster.20010001": "check the workspace id, and that it belongs to this project and region",
    "SecMaster.20041001": "check the workspace id, and that it belongs to this project and region",
    "SecMaster.20030002": "check the project id",
    "SecMaster.20041003": "check the project id",
    "0307": "the token has run out, or is another region's: check that project and region belong together",
    "0101": "check region and base_url: there is no such API at this address",
}

_PREFIXES = frozenset({"SecMaster", "APIGW", "APIG", "common", "IAM"})
"""What the vendor's codes begin with, but for IAM's own numbers."""

_PAIRS = (("error_code", "error_msg"), ("errorCode", "errorMsg"), ("code", "message"))
_LIMIT = re.compile(r"policy (\w+)\b.{0,99}?limit:(\d{1,9}),\s*time:(\d{0,9})\s*(second|minute|hour|day)", re.ASCII)
_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}


def gateway_number(code: object) -> str | None:
    """Return ``0307`` for ``APIGW.0307`` or ``APIG.0307``, None for what is no code of the gateway's."""
    prefix, _, number = str(code).partition(".")
    return number if prefix in ("APIGW", "APIG") else None


def classify(response: Response) -> ApiError | None:
    """Return the error that the body reports, None where it reports none.

    A code in no table keeps its text. It gets the class of its HTTP status, and with HTTP 400 and
    a code of SecMaster's own it is an InvalidRequest: that is what its page of codes lists.
    """
    try:
        body = parse(response.content)
    except (ValueError, DecodeError):
        return None
    found = _find(body) if isinstance(body, dict) else None
    if found is None:
        return None
    code, message = found
    error = make_error(_kind(code, response.status), message or "the service gave no reason", response, code=code)
    error.request_id = error.request_id or text_of(body.get("request_id"))
    error.foreign = not (isinstance(body.get("error"), dict) or str(code).partition(".")[0] in _PREFIXES)
    error.hint = _HINTS.get(gateway_number(code) or code or "")
    if isinstance(error, ServerError):
        error.item_only = code in _INNER
    return _with_limit(error) if isinstance(error, RateLimited) else error


def _find(body: Mapping[str, Any]) -> tuple[str | None, str | None] | None:
    """Return code and message from whichever shape they have, or None where there are neither."""
    inner = body.get("error")  # IAM's
    facts = inner if isinstance(inner, dict) else body
    for code, message in _PAIRS:
        found = text_of(facts.get(code)), text_of(facts.get(message))
        if found != (None, None):
            return found
    return None


def _kind(code: str | None, status: int) -> type[ApiError]:
    if code is None or ("." not in code and not code.isdecimal()):
        return kind_of_foreign(status)
    if status in _BY_STATUS:
        return kind_of_status(status)
    if gateway_number(code) == "0201":  # a bad request, or a bad backend
        return ServerError if status >= 500 else InvalidRequest
    default = InvalidRequest if status == 400 and code.startswith("SecMaster.") else kind_of_status(status)
    return KINDS.get(code, default)


def _with_limit(error: RateLimited) -> ApiError:
    """Read the limit that the gateway's message names: ``policy user over ratelimit,limit:200,time:5 minute``."""
    named = _LIMIT.search(error.message)
    if named is None:
        return error
    policy, calls, count, unit = named.groups()
    if unit == "day":
        used_up = QuotaExceeded(error.message, code=error.code, status=error.status, request_id=error.request_id)
        used_up.hint = f"{calls} calls a day are allowed"
        return used_up
    error.limit = int(calls) / (max(1, int(count or 1)) * _SECONDS[unit]) or None
    error.scope = "endpoint" if policy == "api" else "tenant"
    return error
