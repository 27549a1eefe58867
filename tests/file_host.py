"""A file host that says whatever a test wants it to say, byte by byte."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from contextlib import suppress
from typing import Self

Answer = bytes | Callable[[str], bytes]


class Host:
    """Answers each path with what is set for it, the last answer for ever; notes what it was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, list[Answer]] = {}
        self.seen: list[tuple[str, str]] = []
        self.silent: set[str] = set()
        self.port = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    @property
    def name(self) -> str:
        return f"127.0.0.1:{self.port}"

    def url(self, path: str, query: str = "") -> str:
        return f"http://{self.name}{path}{query}"

    def asked(self, path: str) -> list[str]:
        """Return the headers of each request for the path."""
        return [head for asked, head in self.seen if asked == path]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            path = head.split()[1].partition("?")[0]
            self.seen.append((path, head))
            answers = self.answers.get(path, [whole(b"", status="404 Not Found")])
            answer = answers.pop(0) if len(answers) > 1 else answers[0]
            writer.write(answer(head) if callable(answer) else answer)
            await writer.drain()
            if path in self.silent:
                await reader.read()  # until the client has had enough
        writer.close()


def whole(content: bytes, *headers: str, status: str = "200 OK", length: int | None = None) -> bytes:
    """Return an answer; it announces so many bytes, whatever comes."""
    size = len(content) if length is None else length
    lines = (f"HTTP/1.1 {status}", f"Content-Length: {size}", "Connection: close", *headers)
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


def ranged(content: bytes, etag: str) -> Callable[[str], bytes]:
    """Return what answers a Range, under an If-Range of that etag, and anything else whole."""

    def answer(head: str) -> bytes:
        asked = re.search(r"(?i)range: bytes=(\d+)-", head)
        if asked is None or f"if-range: {etag}" not in head.lower():
            return whole(content, f"ETag: {etag}")
        start = int(asked[1])
        where = f"Content-Range: bytes {start}-{len(content) - 1}/{len(content)}"
        return whole(content[start:], where, f"ETag: {etag}", status="206 Partial Content")

    return answer
