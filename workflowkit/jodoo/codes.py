"""What Jodoo's error codes mean for the caller.

The service answers nearly every error with HTTP 400, rate limits included, so the code in the
body decides. Messages are localised and never looked at. Source: the error tables of
help.jodoo.com/open/11261 and hc.jiandaoyun.com/open/11261, 151 codes between them.
"""

from __future__ import annotations

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

_LONGEST_NUMBER = 10

ENDPOINT_LIMIT = 8304
"""Refused for the rate of one operation. 8303, and HTTP 429, are the whole tenant's."""

# fmt: off
_GROUPS: Mapping[type[ApiError], tuple[int, ...]] = {
    RateLimited: (
        8303, 8304,
        8309,                           # of one member: in no table of the vendor's, seen by two authors of clients
    ),
    AuthenticationError: (8301, 17018),
    PermissionDenied: (
        1058, 4009, 4025, 5024,         # this member, task, workflow or node
        8302, 17052, 17053, 17054,      # this key: for the API, from this address, for this app
    ),
    NotFound: (
        1010, 1201, 1206, 6002,         # member, role, role group, department
        2004, 3000, 4001,               # app, form, data
        5003, 50000, 50004, 50011,      # node, task
        50016, 50021, 50031,            # instance_id, data_id
    ),
    QuotaExceeded: (
        7103, 7206, 7212, 7221, 8017,   # system, data of the month, rows by API, company closed
        7216, 7217, 7218, 7219,         # attachments
    ),
    ServerError: (                      # busy, locked, migrating: the vendor says "try later"
        1022, 4012, 6005, 9004, 9007, 17027, 50008, 50047,
    ),
    InvalidRequest: (
        1, 3005, 4815, 17017, 17025,    # malformed: request, parameter, filter, transaction id
        # Well-formed, but impossible as things are. Members and roles:
        1005, 1017, 1018, 1019, 1024, 1027, 1065, 1082, 1085, 1087, 1092, 1096,
        1202, 1203, 1205, 1207, 1208,
        # Forms and data:
        3001, 3041, 3042, 3083, 3091, 3092, 4000, 4016, 4042, 4402, 30002,
        17023, 17024, 17026, 17032, 17033, 17034,
        # Workflows. 5056 and 5060 say that the form has none:
        4005, 4007, 4008, 4015, 4026, 5004, 5006, 5008, 5009, 5010, 5011, 5012, 5025, 5026, 5034,
        5044, 5045, 5049, 5053, 5056, 5058, 5059, 5060,
        50009, 50013, 50014, 50015, 50019, 50024, 50025, 50034, 50040, 50041, 50046, 50049, 50051,
        50052, 50053, 50054, 50055, 50056, 50057, 50059, 50060, 50061, 50062, 50063, 50064, 50070,
        50071, 50073, 50076, 50082,
        # Departments:
        6000, 6001, 6003, 6004, 6006, 6010, 6011, 6012, 6013, 6014, 6015, 6017, 6019, 6020, 6021,
        6064,
    ),
}
# fmt: on

KINDS: Mapping[int, type[ApiError]] = {code: kind for kind, codes in _GROUPS.items() for code in codes}


def classify(response: Response) -> ApiError | None:
    """Return the error that the body reports, None where it reports none.

    Queries answer ``{"code", "msg"}``, workflow actions ``{"status": "failure", "code", "message"}``,
    the latter possibly with HTTP 200. A code that is in no table keeps its number and gets the
    class of its HTTP status.
    """
    try:
        body = parse(response.content)
    except (ValueError, DecodeError):
        return None
    if not isinstance(body, dict) or not _tells_of_error(body, response.status):
        return None
    code = _code(body.get("code"))
    foreign = not isinstance(code, int)  # the vendor's codes are numbers
    default = kind_of_foreign(response.status) if foreign else kind_of_status(response.status)
    kind = KINDS.get(code, default) if isinstance(code, int) else default
    message = text_of(body.get("msg")) or text_of(body.get("message")) or "the service gave no reason"
    error = make_error(kind, message, response, code=code)
    error.foreign = foreign
    if isinstance(error, RateLimited) and code == ENDPOINT_LIMIT:
        error.scope = "endpoint"
    if isinstance(error, ServerError):
        error.item_only = code in KINDS  # this task is locked, that form is migrating: the service is up
    return error


def _code(value: object) -> int | str | None:
    """Return the code as a number where it is one, None where there is none."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    is_number = isinstance(value, str) and len(value) < _LONGEST_NUMBER and value.isascii() and value.isdecimal()
    return int(value) if is_number else value or None


def _tells_of_error(body: Mapping[str, Any], status: int) -> bool:
    return body.get("status") == "failure" or "code" in body or status >= 300
