from __future__ import annotations

import pytest

from workflowkit._http.message import Request, Response
from workflowkit.redact import Headers, redact_url


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://files.jodoo.com/F?e=1&token=s:t", "https://files.jodoo.com/F"),
        ("https://user:pass@host/p?q#f", "https://host/p"),
        ("https://host", "https://host"),
        ("/relative?token=s", "/relative"),
        ("", ""),
    ],
)
def test_url_loses_what_is_secret(url, shown):
    assert redact_url(url) == shown


def test_headers_hide_credentials_whatever_their_case():
    headers = Headers({"AUTHORIZATION": "Bearer k", "X-Auth-Token": "t", "Accept": "x"})
    assert (
        repr(headers) == str(headers) == "{'AUTHORIZATION': '[redacted]', 'X-Auth-Token': '[redacted]', 'Accept': 'x'}"
    )
    assert headers["AUTHORIZATION"] == "Bearer k"


def test_exchange_reprs_are_harmless():
    request = Request(
        method="POST", url="https://h/p?token=s", headers=Headers({"Authorization": "k"}), content=b"body"
    )
    response = Response(status=200, headers={}, content=b"12345")
    assert "token" not in repr(request)
    assert "body" not in repr(request)
    assert repr(response) == "Response(status=200, headers={}, content=<5 bytes>)"
