"""Every error shape and every documented code of SecMaster, its gateway and IAM.

Sources: support.huaweicloud.com/api-secmaster/ErrorCode.html, .../devg-apisign/api-sign-errorcode.html,
and the vendor's Terraform provider for codes that only it names.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from workflowkit import (
    ApiError,
    AuthenticationError,
    InvalidRequest,
    NotFound,
    PermissionDenied,
    QuotaExceeded,
    RateLimited,
    ServerError,
)
from workflowkit._http.message import Response
from workflowkit.secmaster.codes import KINDS, classify

DATA = Path(__file__).parents[1] / "data/secmaster"

SECMASTER = {
    NotFound: "20010001 20041001 20030005 20041031 20030022 20040605 20040611 20048004 20040220 20041303",
    ServerError: "20039999 20040000 11181002 00000008",
    PermissionDenied: "00000012",
    InvalidRequest: (
        "00092018 11061001 11061002 11061003 11061004 11181001 20030001 20030002 20030003 20030004 20030009 20030010 "
        "20030011 20030012 20030013 20030025 20040402 20040516 20041002 20041003 20041033 20041504 20041507 20041508 "
        "20041509 20041804 20041805 20041808 20048006 20048016 20048017 20048018 20048019 20040001 20011001"
    ),
}
GATEWAY = [
    ("0101", 404, NotFound),
    ("0103", 404, NotFound),
    ("0104", 400, NotFound),
    ("0105", 400, NotFound),
    ("0106", 500, NotFound),
    ("0201", 400, InvalidRequest),
    ("0201", 413, InvalidRequest),
    ("0201", 414, InvalidRequest),
    ("0201", 494, InvalidRequest),
    ("0201", 502, ServerError),
    ("0201", 504, ServerError),
    ("0202", 502, ServerError),
    ("0202", 504, ServerError),
    ("0203", 500, ServerError),
    ("0203", 504, ServerError),
    ("0301", 401, AuthenticationError),
    ("0302", 403, PermissionDenied),
    ("0303", 401, AuthenticationError),
    ("0304", 403, PermissionDenied),
    ("0305", 401, AuthenticationError),
    ("0306", 403, PermissionDenied),
    ("0307", 401, AuthenticationError),
    ("0308", 429, RateLimited),
    ("0310", 403, PermissionDenied),
    ("0311", 401, AuthenticationError),
    ("0401", 403, PermissionDenied),
    ("0402", 403, PermissionDenied),
    ("0404", 403, PermissionDenied),
    ("0501", 405, QuotaExceeded),
    ("0502", 405, QuotaExceeded),
    ("0601", 500, ServerError),
    ("0605", 500, ServerError),
    ("0606", 500, ServerError),
    ("0608", 500, ServerError),
    ("0610", 502, ServerError),
    ("0613", 503, ServerError),
    ("0705", 500, InvalidRequest),
    ("0801", 403, PermissionDenied),
    ("0802", 403, PermissionDenied),
]


def answer(status: int, body: Any, **headers: str) -> Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Response(status=status, headers=headers, content=content)


def classified(status: int, body: Any, **headers: str) -> ApiError:
    error = classify(answer(status, body, **headers))
    assert error is not None
    return error


def payload(name: str) -> Any:
    return json.loads((DATA / name).read_text(encoding="utf-8"))["payload"]


LISTED = [(kind, code) for kind, codes in SECMASTER.items() for code in codes.split()]


@pytest.mark.parametrize(("kind", "code"), LISTED)
def test_the_services_codes_all_with_http_400(kind, code):
    error = classified(400, {"code": f"SecMaster.{code}", "message": "m"})
    assert type(error) is kind
    assert (error.code, error.message, error.status) == (f"SecMaster.{code}", "m", 400)


@pytest.mark.parametrize(("number", "status", "kind"), GATEWAY)
@pytest.mark.parametrize("prefix", ["APIGW", "APIG"])
def test_the_gateways_codes(prefix, number, status, kind):
    error = classified(status, {"error_code": f"{prefix}.{number}", "error_msg": "m", "request_id": "r"})
    assert type(error) is kind
    assert (error.code, error.request_id) == (f"{prefix}.{number}", "r")


def test_the_table_holds_no_code_that_is_not_tested():
    tested = {f"SecMaster.{code}" for _, code in LISTED}
    tested |= {f"{prefix}.{number}" for prefix in ("APIGW", "APIG") for number, _, _ in GATEWAY}
    by_terraform = {"SecMaster.00041003", "SecMaster.00041004", "common.00000500"}
    assert set(KINDS) - tested == by_terraform
    assert {type(classified(500, {"code": code, "message": "m"})) for code in by_terraform} == {NotFound}


def test_an_unknown_workspace_arrives_as_403():
    error = classified(403, {"code": "SecMaster.20010001", "message": "Invalid workspace ID."})
    assert type(error) is PermissionDenied
    assert "check the workspace id" in str(error)


@pytest.mark.parametrize(
    ("status", "kind"), [(400, ApiError), (401, AuthenticationError), (403, PermissionDenied), (500, ServerError)]
)
def test_an_unknown_code_keeps_its_text_and_gets_the_class_of_its_status(status, kind):
    error = classified(status, {"code": "New.1", "message": "m"})
    assert type(error) is kind
    assert error.code == "New.1"


def test_the_shapes():
    shapes = payload("error_secmaster_both_shapes.openapi.json")
    told = {name: classified(400, body) for name, body in shapes.items()}
    assert {name: (type(error), error.code, error.message) for name, error in told.items()} == {
        "ErrorRsp": (InvalidRequest, "SecMaster.20040001", "Parameter error."),
        "ErrorResponseBody": (InvalidRequest, "SecMaster.20011001", "Parameter error."),
        "AuthError": (PermissionDenied, "SecMaster.00000012", "Permission denied!"),
        "SystemInnerError": (ServerError, "SecMaster.00000008", "System inner error."),
    }
    iam = classified(401, {"error": {"code": 401, "message": "The account is locked.", "title": "Unauthorized"}})
    assert type(iam) is AuthenticationError
    assert iam.message == "The account is locked."
    other = classified(400, {"errorCode": "X.1", "errorMsg": "m"})
    assert (other.code, other.message) == ("X.1", "m")


def test_the_request_id_of_the_header_wins_over_the_bodys():
    body = {"error_code": "APIGW.0101", "error_msg": "m", "request_id": "body"}
    assert classified(404, body).request_id == "body"
    assert (
        classify(Response(status=404, headers={"x-request-id": "head"}, content=json.dumps(body).encode())) is not None
    )
    error = classify(Response(status=404, headers={"x-request-id": "head"}, content=json.dumps(body).encode()))
    assert error is not None
    assert error.request_id == "head"


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'"x"', b"\xff", b'{"error": null}', b'{"error": {}}'])
def test_what_tells_of_no_error(body):
    assert classify(answer(502, body)) is None


@pytest.mark.parametrize("body", payload("error_apig_0301_variants.docs.json"))
def test_the_documented_refusals_of_credentials(body):
    assert type(classified(401, body)) is AuthenticationError


@pytest.mark.parametrize(
    ("message", "limit", "scope"),
    [
        (payload("error_apigw_0308_user_5min.json")["error_msg"], 200 / 300, "tenant"),
        (payload("error_apigw_0308_ip_1s.json")["error_msg"], 5.0, "tenant"),
        ("... policy api over ratelimit,limit:2000,time:1 minute", 2000 / 60, "endpoint"),
        ("... policy app over ratelimit,limit:100,time:minute", 100 / 60, "tenant"),
        ("... policy user over ratelimit,limit:36000,time:2 hour", 5.0, "tenant"),
        ("... policy user over ratelimit,limit:0,time:1 second", None, "tenant"),
        ("Too many requests", None, "tenant"),
    ],
)
def test_the_limit_that_a_refusal_names(message, limit, scope):
    error = classified(429, {"error_code": "APIGW.0308", "error_msg": message})
    assert type(error) is RateLimited
    assert error.limit == (pytest.approx(limit) if limit else limit)
    assert error.scope == scope


def test_a_days_quota_is_no_limit_to_wait_for():
    message = "The throttling threshold has been reached: policy user over ratelimit,limit:5000,time:1 day"
    error = classified(429, {"error_code": "APIGW.0308", "error_msg": message, "request_id": "r"})
    assert type(error) is QuotaExceeded
    assert (error.request_id, error.status, error.code) == ("r", 429, "APIGW.0308")
    assert "5000 calls a day" in str(error)
