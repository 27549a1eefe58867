"""Whatever a service or a proxy answers, it is classified: nothing raises."""

from __future__ import annotations

import json
import math
from datetime import timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from workflowkit._http.message import Response
from workflowkit._http.status import status_error
from workflowkit.errors import ApiError, RateLimited
from workflowkit.jodoo import codes as jodoo
from workflowkit.redact import cut
from workflowkit.secmaster import codes as secmaster

names = st.sampled_from(
    ["code", "msg", "message", "status", "error", "error_code", "error_msg", "errorCode", "errorMsg", "request_id"]
)
texts = st.text(max_size=20) | st.sampled_from(
    ["8303", "8304", "1", "failure", "APIGW.0308", "SecMaster.20040000", "²", "٣", "9" * 5000, "x" * 5000]
    + [f"policy user over ratelimit,limit:{calls},time:{time}" for calls in (0, 5, "9" * 400) for time in ("0 second",)]
)
anything = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names | texts, inner, max_size=5),
    max_leaves=12,
)
headers = st.dictionaries(
    st.sampled_from(["retry-after", "date", "location", "x-request-id"]),
    texts
    | st.sampled_from(["1" * 400, "Wed, 21 Oct 2015 07:28:00 GMT", "Fri, 31 Dec 9999 23:59:59 -2359", "-1", "1e9"]),
)


@given(body=anything, status=st.integers(100, 999), headers=headers)
@example(body={"code": True}, status=400, headers={})
@example(body={"error_code": "APIGW.0308", "error_msg": "policy user over ratelimit,limit:5,time:0 second"},
         status=429, headers={})  # fmt: skip
def test_no_answer_makes_classification_raise(body, status, headers):
    try:
        content = json.dumps(body).encode()
    except ValueError:
        return
    response = Response(status=status, headers=headers, content=content)
    for classify in (jodoo.classify, secmaster.classify, status_error):
        error = classify(response)
        assert error is None or isinstance(error, ApiError)
        if error is not None:
            assert isinstance(str(error), str)
            assert not isinstance(error.code, bool)
            assert len(str(error.code)) <= 150
            after = getattr(error, "retry_after", None)
            assert after is None or (math.isfinite(after) and after >= 0)
            if isinstance(error, RateLimited) and error.limit is not None:
                assert error.limit > 0
    assert isinstance(response.clock_ahead, timedelta | None)


@pytest.mark.parametrize("depth", [100, 900, 100_000])
def test_depth_is_no_matter(depth):
    for opening in (b"[", b'{"error":'):
        response = Response(status=400, headers={}, content=opening * depth)
        whole = Response(status=400, headers={}, content=opening * depth + b"1" + (b"]", b"}")[opening != b"["] * depth)
        for classify in (jodoo.classify, secmaster.classify):
            classify(response)
            classify(whole)


def test_a_true_is_no_code_and_a_retry_after_is_finite():
    error = jodoo.classify(Response(status=400, headers={}, content=b'{"code": true, "msg": "m"}'))
    assert error is not None
    assert (type(error), error.code) == (ApiError, None)
    assert Response(status=429, headers={"retry-after": "9" * 400}, content=b"").retry_after == 366 * 86_400
    assert cut("x" * 10_000_000).endswith("... (10,000,000 characters)")
