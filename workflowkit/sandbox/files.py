"""The files behind the sandbox's links: invented documents, at addresses made of their content, as Qiniu's are.

What the vendor's file host answers to an expired link, or to a Range, is documented nowhere. This is what
Qiniu's hosts do.
"""

from __future__ import annotations

import base64
import hashlib
import random
import re
import struct
import time
import zlib
from collections import Counter
from functools import cache
from urllib.parse import parse_qs

from starlette.responses import JSONResponse, Response

from .call import Call

_SIGNATURES, _QUOTES = 100, 40
_DAY, _HOUR = 86_400, 3600


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
    """Return a signature, one of a hundred: a PNG with a line that wanders."""
    dice = random.Random(f"signature {number % _SIGNATURES}")
    width, height = 160, 48
    rows = [bytearray(b"\0" + b"\xff" * width) for _ in range(height)]
    across, down = 8, height // 2
    while across < width - 8:
        rows[down][1 + across] = rows[down][2 + across] = 0
        across += dice.choice((0, 0, 1))
        down = min(height - 2, max(1, down + dice.choice((-1, 0, 1))))
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(b"".join(rows))), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )


@cache
def quote(number: int) -> bytes:
    """Return a quote, one of forty: a PDF of a page, and some 30 KB that readers skip."""
    number %= _QUOTES
    text = f"BT /F1 24 Tf 72 720 Td (Quote {number + 1}) Tj ET".encode()
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources 6 0 R >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(text), text),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        b"<< /Font << /F1 5 0 R >> >>",
    )
    body = b"%PDF-1.4\n%" + random.Random(f"quote {number}").randbytes(30_000 + 100 * number).hex().encode() + b"\n"
    offsets = []
    for name, each in enumerate(objects, 1):
        offsets.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (name, each)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    end = b"xref\n0 7\n0000000000 65535 f \n%strailer\n<< /Size 7 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n"
    return body + end % (table, len(body))


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
    media_type = "image/png" if content.startswith(b"\x89PNG") else "application/pdf"
    headers = {"etag": etag, "accept-ranges": "bytes"}
    asked = re.fullmatch(r"bytes=(\d+)-", call.headers.get("range", ""))
    if asked is None or call.headers.get("if-range", etag) != etag:
        return Response(content, headers=headers, media_type=media_type)
    start, size = int(asked[1]), len(content)
    if start >= size:
        return Response(status_code=416, headers={"content-range": f"bytes */{size}"})
    headers["content-range"] = f"bytes {start}-{size - 1}/{size}"
    return Response(content[start:], 206, headers=headers, media_type=media_type)
