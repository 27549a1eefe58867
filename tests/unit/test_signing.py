"""The signature, against vectors that the vendor's own signer made."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from workflowkit._http.message import Request
from workflowkit.redact import Headers
from workflowkit.secmaster.signing import canonical_request, sign, string_to_sign

VECTORS = json.loads((Path(__file__).parents[1] / "data/secmaster/sign_vectors.json").read_text())["vectors"]
ADDED = {"Authorization", "Host", "X-Sdk-Date"}


def at(date: str) -> datetime:
    return datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def test_there_are_all_twelve():
    assert len({vector["name"] for vector in VECTORS}) == 12


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_the_vendors_vectors(vector):
    expected = vector["expected"]
    given_headers = {name: value for name, value in expected["sent_headers"].items() if name not in ADDED}
    assert vector["headers"].items() <= given_headers.items()
    content = (vector["body"] or "").encode()
    request = Request(method=vector["method"], url=vector["url"], headers=Headers(given_headers), content=content)
    sign(request, vector["ak"], vector["sk"], at=at(vector["date"]))
    canonical = canonical_request(request)
    assert canonical == expected["canonical_request"]
    assert string_to_sign(canonical, vector["date"]) == expected["string_to_sign"]
    assert dict(request.headers) == expected["sent_headers"]


def request_to(url: str, **headers: str) -> Request:
    return Request(method="GET", url=url, headers=Headers(headers), content=b"")


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://h.example/", "h.example"),
        ("https://h.example:443/", "h.example"),
        ("https://h.example:8443/", "h.example:8443"),
        ("http://127.0.0.1:80/", "127.0.0.1"),
        ("http://[::1]:8080/", "[::1]:8080"),
    ],
)
def test_the_host_is_the_one_that_http_clients_send(url, host):
    request = request_to(url)
    sign(request, "ak", "sk", at=datetime.now(UTC))
    assert request.headers["Host"] == host


def test_signing_again_forgets_the_first_signature():
    request = request_to("https://h.example/x", **{"X-Custom": " padded ", "x_dropped": "1"})
    sign(request, "ak", "sk", at=at("20250718T071104Z"))
    first = request.headers["Authorization"]
    sign(request, "ak", "sk", at=at("20250718T071104Z"))
    assert request.headers["Authorization"] == first
    assert "SignedHeaders=host;x-custom;x-sdk-date," in first
    assert "\nx-custom:padded\n" in canonical_request(request)
