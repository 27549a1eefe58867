"""Requests as we build and sign them, against huaweicloudsdkcore: ``pip install '.[differential]'`` to run it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflowkit._http.endpoint import Endpoint
from workflowkit.secmaster.signing import sign

signer = pytest.importorskip("huaweicloudsdkcore.signer.signer", reason="huaweicloudsdkcore is not installed")
sdk_request = pytest.importorskip("huaweicloudsdkcore.sdk_request")
credentials = pytest.importorskip("huaweicloudsdkcore.auth.credentials")

ENDPOINT: Endpoint[Any] = Endpoint(name="x", method="POST", path="/v1/{a}/soc/{b}", returns=dict, rate=None)
DATE = datetime(2025, 7, 18, 7, 11, 4, tzinfo=UTC)
texts = st.text(st.characters(codec="utf-8"), max_size=8)
names = texts.filter(bool)


@given(names, names, st.dictionaries(names, texts | st.booleans() | st.integers(), max_size=4), st.booleans())
def test_the_same_url_and_the_same_signature(a, b, query, with_body):
    body = {"a": a, "b": [b, None]} if with_body else None
    ours = ENDPOINT.request("https://h.example", path={"a": a, "b": b}, query=query, body=body)
    theirs = sdk_request.SdkRequest(
        method="POST",
        schema="https",
        host="h.example",
        resource_path=ours.url.removeprefix("https://h.example").partition("?")[0],
        header_params={**ours.headers, "X-Sdk-Date": f"{DATE:%Y%m%dT%H%M%SZ}"},
        query_params=list(query.items()),
        body=ours.content,
    )
    signer.Signer(credentials.BasicCredentials("ak", "sk", "p")).sign(theirs)
    sign(ours, "ak", "sk", at=DATE)
    assert ours.headers["Authorization"] == theirs.header_params["Authorization"]
    assert ours.url == theirs.url
