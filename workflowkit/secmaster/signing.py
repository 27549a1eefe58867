"""SDK-HMAC-SHA256: how a request shows Huawei Cloud's gateways who sent it, and that nobody changed it.

Source: API Request Signing Guide, support.huaweicloud.com/intl/en-us/devg-apisign/api-sign-algorithm.html.
The key itself never travels. A signature is good for 15 minutes around its date, so every attempt
is signed anew.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from .._http.message import Request

ALGORITHM = "SDK-HMAC-SHA256"
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


def sign(request: Request, access_key: str, secret_key: str, *, at: datetime) -> None:
    """Add ``X-Sdk-Date``, ``Host`` and ``Authorization`` to the headers. All headers that are there now are signed.

    Args:
        request: as it will be sent. It must not be changed afterwards.
        access_key: the public half of the key.
        secret_key: the other half.
        at: the present time, aware. The gateway refuses what is more than 15 minutes off.
    """
    headers = request.headers
    headers["X-Sdk-Date"] = at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    headers["Host"] = _host(request.url)
    canonical = canonical_request(request)
    text = string_to_sign(canonical, headers["X-Sdk-Date"])
    signature = hmac.digest(secret_key.encode(), text.encode(), hashlib.sha256).hex()
    names = canonical.rsplit("\n", 2)[1]
    headers["Authorization"] = f"{ALGORITHM} Access={access_key}, SignedHeaders={names}, Signature={signature}"


def canonical_request(request: Request) -> str:
    """Return the request in the one spelling that both sides hash. Its last line but one names what is signed."""
    parts = urlsplit(request.url)
    path = quote(unquote(parts.path), safe="/")
    pairs = sorted(parse_qsl(parts.query, keep_blank_values=True))
    signed = _signed(request.headers)
    lines = [
        request.method,
        path if path.endswith("/") else f"{path}/",
        "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs),
        *(f"{name}:{value}" for name, value in signed.items()),
        "",
        ";".join(signed),
        signed.get("x-sdk-content-sha256") or hashlib.sha256(request.content).hexdigest(),
    ]
    return "\n".join(lines)


def string_to_sign(canonical: str, date: str) -> str:
    """Return what the signature is made of: algorithm, date, and a digest of the canonical request."""
    return f"{ALGORITHM}\n{date}\n{hashlib.sha256(canonical.encode()).hexdigest()}"


def _signed(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers that are signed, in order. Gateways drop names with an underscore."""
    return {
        name.lower(): headers[name].strip()
        for name in sorted(headers, key=str.lower)
        if "_" not in name and name.lower() != "authorization"
    }


def _host(url: str) -> str:
    """Return the host as HTTP clients send it: without the scheme's own port."""
    parts = urlsplit(url)
    return parts.netloc.rpartition("@")[2].removesuffix(_DEFAULT_PORTS[parts.scheme])
