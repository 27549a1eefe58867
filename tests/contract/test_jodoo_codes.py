"""Every documented code, by the class the vendor's table puts it in."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from workflowkit._http.message import Response
from workflowkit.errors import (
    ApiError,
    AuthenticationError,
    InvalidRequest,
    NotFound,
    PermissionDenied,
    QuotaExceeded,
    RateLimited,
    ServerError,
)
from workflowkit.jodoo.codes import KINDS, classify

TABLE = json.loads((Path(__file__).parents[1] / "data/jodoo/error_codes.json").read_text())
MEANS = {
    "auth": AuthenticationError,
    "permission": PermissionDenied,
    "not_found": NotFound,
    "quota": QuotaExceeded,
    "rate_limit": RateLimited,
    "transient": ServerError,
    "bad_request": InvalidRequest,
    "business": InvalidRequest,
}


def answer(status: int, body: object, **headers: str) -> Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Response(
        status=status, headers={name.replace("_", "-"): value for name, value in headers.items()}, content=content
    )


SEEN = {8309}
"""In no table of the vendor's, but named by two authors of clients."""


def test_the_table_holds_the_documented_codes_and_one_that_was_seen():
    assert {row["code"] for row in TABLE} == set(KINDS) - SEEN
    assert {KINDS[code] for code in SEEN} == {RateLimited}


def test_what_a_real_account_was_answered():
    wrong_path = classify(answer(403, b""))
    no_permission = classify(answer(403, {"code": 8302, "msg": "No Permission"}))
    assert wrong_path is None, "a path that doesn't exist is HTTP 403 without a body"
    assert (type(no_permission), getattr(no_permission, "foreign", None)) == (PermissionDenied, False)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: str(row["code"]))
def test_each_code_is_classified(row):
    error = classify(answer(400, {"code": row["code"], "msg": row["meaning"]}, x_request_id="r-1"))
    assert error is not None
    assert type(error) is MEANS[row["class"]]
    assert (error.code, error.status, error.message, error.request_id) == (row["code"], 400, row["meaning"], "r-1")


def test_the_two_limits_know_their_scope(samples):
    tenant = classify(answer(400, (samples / "error_8303_zh.json").read_bytes()))
    endpoint = classify(answer(400, {"code": 8304, "msg": "Request Limit Exceeded"}))
    assert isinstance(tenant, RateLimited)
    assert isinstance(endpoint, RateLimited)
    assert (tenant.scope, tenant.message, endpoint.scope) == ("tenant", "超出请求频率限制", "endpoint")


def test_a_wrong_key(samples):
    error = classify(answer(400, (samples / "error_8301_en.json").read_bytes()))
    assert type(error) is AuthenticationError


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, ApiError),
        (401, AuthenticationError),
        (403, PermissionDenied),
        (404, NotFound),
        (429, RateLimited),
        (503, ServerError),
    ],
)
def test_an_unknown_code_keeps_everything_and_gets_the_class_of_its_status(status, kind):
    error = classify(answer(status, {"code": 99999, "msg": "new"}, x_request_id="r-2"))
    assert error is not None
    assert type(error) is kind
    assert (error.code, error.message, error.status, error.request_id) == (99999, "new", status, "r-2")


def test_an_action_that_failed_with_http_200_is_an_error():
    error = classify(answer(200, {"status": "failure", "code": 4008, "message": "Closed Workflow"}))
    assert type(error) is InvalidRequest
    assert error.message == "Closed Workflow"


@pytest.mark.parametrize("body", [b"", b"<html>", b"[1]", b'"x"', b"[" * 100_000])
def test_what_holds_no_error_is_left_to_the_status(body):
    assert classify(answer(502, body)) is None


def test_success_is_no_error():
    assert classify(answer(200, {"logs": []})) is None


@pytest.mark.parametrize("code", [None, "X.1", [1], 1.5, True])
def test_odd_codes_do_no_harm(code):
    error = classify(answer(400, {"code": code, "msg": None}))
    assert isinstance(error, ApiError)
    assert error.message == "the service gave no reason"
    assert type(error) is ApiError
    assert error.foreign
