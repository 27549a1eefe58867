"""The files behind the sandbox's links: invented documents, at addresses made of their content, as Qiniu's are.

What the vendor's file host answers to an expired link, or to a Range, is documented nowhere. This is what
Qiniu's hosts do.
"""

from __future__ import annotations

import base64
import hashlib
import re
import time
from collections import Counter
from functools import cache
from urllib.parse import parse_qs

from starlette.responses import JSONResponse, Response

from .call import Call

_SIGNATURES, _QUOTES = 100, 40
_DAY, _HOUR = 86_400, 3600
_PICTURE = base64.b85decode(
    "iBL{Q4GJ0x0000DNk~Le0001>0000m2mk;80JFj_vH$=93`s;mRCt{2*V_`pAPfXh{{N>@XG%z7Xan2Z!|sElr6s2r=~(K^Q=SGK"
    "g+Md}q9G6sfoKQ}N`5nO_H~e9$+rPZ6P2EctIx&+hl-{NFiAZZ=!*7Fzt?tLklUz3ZX*{0Tg9+^wL=yoLkGZ_7Wu0x&RnkrOJ41v"
    "ojQv=S%vIna%TVP`_+DVYkF#5MBi6_2HmFNZI$5UiF?<+tSJNzC$PYp2bw)&9jK=|0*Y;~miis|ZDc)rEo&RwB8EU{y(Xi9>g`Yf"
    "wA)%n+h|*K+hKkeeGcfKo}23C)f)p1vOgW~=S@6|Z*RU<H-F|MKK>_xLm(Og(GZA+Kr{rRArK9LXb42}0o1fkJbWK`$^ZZW07*qo"
    "M6N<$f&"
)
"""A PNG with a line that wanders."""


class Files:
    """Serves files whose link is alive, whole or from an offset on.

    Args:
        link_days: how long links live: they expire at the end of an hour.
        link_seconds: how long they live instead, if given.
    """

    def __init__(self, link_days: int = 6, link_seconds: float | None = None) -> None:
        self.link_days = link_days
        self.link_seconds = link_seconds
        self.answered: Counter[str] = Counter()

    def link(self, content: bytes, base: str, name: str = "signature.png") -> str:
        """Return a link in the shape of the vendor's."""
        now = time.time()
        expiry = int((now + self.link_days * _DAY) // _HOUR * _HOUR + _HOUR - 1)
        if self.link_seconds is not None:
            expiry = int(now + self.link_seconds)
        key = key_of(content)
        return f"{base}/files/{key}?attname={name}&e={expiry}&token=sandbox:{_token(key, str(expiry))}"

    def endpoint(self, call: Call) -> str:
        """Return the name of the operation."""
        return "files"

    def answer(self, call: Call) -> Response:
        """Answer with the file, a part of it, or why not. One that sends a credential is told so."""
        self.answered["files"] += 1
        key = call.path.removeprefix("/files/")
        query = {name: values[0] for name, values in parse_qs(call.query).items()}
        if {"authorization", "cookie", "x-auth-token"} & set(call.headers):
            return JSONResponse({"error": "a credential was sent to the file host"}, 400)
        if query.get("token") != f"sandbox:{_token(key, query.get('e', ''))}":
            return JSONResponse({"error": "bad token"}, 401)
        if float(query["e"]) < time.time():
            return JSONResponse({"error": "expired token"}, 401)
        if key not in _all():
            return JSONResponse({"error": "Document not found"}, 404)
        return _part(_all()[key], f'"{key}"', call)


@cache
def signature(number: int) -> bytes:
    """Return a signature, one of a hundred: the same picture, and behind its end a number that viewers skip."""
    return _PICTURE + b"%d" % (number % _SIGNATURES)


@cache
def quote(number: int) -> bytes:
    """Return a quote, one of forty: a text of some 30 KB."""
    number %= _QUOTES
    return b"".join(b"Quote %d, item %d: as offered\r\n" % (number + 1, item + 1) for item in range(1000 + number))


def key_of(content: bytes) -> str:
    """Return the name that Qiniu gives to a content of up to 4 MB."""
    return base64.urlsafe_b64encode(b"\x16" + hashlib.sha1(content, usedforsecurity=False).digest()).decode()


@cache
def _all() -> dict[str, bytes]:
    files = [*map(signature, range(_SIGNATURES)), *map(quote, range(_QUOTES))]
    return {key_of(content): content for content in files}


def _token(key: str, expiry: str) -> str:
    return hashlib.sha256(f"{key}?e={expiry}".encode()).hexdigest()[:28]


def _part(content: bytes, etag: str, call: Call) -> Response:
    media_type = "image/png" if content.startswith(b"\x89PNG") else "text/plain"
    headers = {"etag": etag, "accept-ranges": "bytes"}
    asked = re.fullmatch(r"bytes=(\d+)-", call.headers.get("range", ""))
    if asked is None or call.headers.get("if-range", etag) != etag:
        return Response(content, headers=headers, media_type=media_type)
    start, size = int(asked[1]), len(content)
    if start >= size:
        return Response(status_code=416, headers={"content-range": f"bytes */{size}"})
    headers["content-range"] = f"bytes {start}-{size - 1}/{size}"
    return Response(content[start:], 206, headers=headers, media_type=media_type)
