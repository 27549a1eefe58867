"""What a file host may say, and what it gets us to do."""

from __future__ import annotations

import gzip
import logging
import ssl

import httpx
import pytest
from file_host import Host, ranged, whole

from workflowkit import ConfigError, FileStore, TransportError
from workflowkit._http import HttpxTransport
from workflowkit._http.over_httpx import _TIMEOUTS
from workflowkit.files import DeadLink, Fetcher, Unsafe
from workflowkit.files.fetch import WrongPart


@pytest.fixture
async def fetcher(host):
    made = Fetcher([host.name])
    yield made
    await made.aclose()


async def fetch(fetcher, url, **part):
    async with fetcher.get(url, **part) as answer:
        return answer.offset, answer.size, answer.etag, b"".join([piece async for piece in answer.pieces])


async def test_a_file_comes_as_it_is_stored_there_and_nothing_is_sent_that_could_be_a_credential(host, fetcher):
    host.answers["/a"] = [whole(b"content", "Set-Cookie: spy=1; Path=/", 'ETag: "x"')]
    for _ in range(2):
        assert await fetch(fetcher, host.url("/a", "?e=1&token=t")) == (0, 7, '"x"', b"content")
    for head in host.asked("/a"):
        names = {line.partition(":")[0].lower() for line in head.splitlines()[1:] if line}
        assert names == {"host", "accept", "accept-encoding"}
        assert "accept-encoding: identity" in head.lower()


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("https://elsewhere.example/a", "leads to elsewhere.example, which isn't an allowed host"),
        ("https://files.jodoo.com.evil.example/a", "isn't an allowed host"),
        ("https://files.jodoo.com:8443/a", "leads to files.jodoo.com:8443, which isn't"),
        ("https://me:secret@files.jodoo.com/a", "isn't an allowed host"),
        ("http://files.jodoo.com/a", "only https is taken"),
        ("file:///etc/passwd", "only https is taken"),
        ("ftp://files.jodoo.com/a", "only https is taken"),
        ("//files.jodoo.com/a", "only https is taken"),
        ("../../etc/passwd", "only https is taken"),
        ("https://[files.jodoo.com/a", "isn't a URL"),
        ("https://files.jodoo.com:port/a", "isn't a URL"),
        ("https://files.jodoo.com/\x00", "isn't a URL"),
        ("http://127.0.0.1:1/a", "leads to 127.0.0.1:1, which isn't an allowed host"),
        ("", "only https is taken"),
    ],
)
async def test_a_link_that_is_not_followed(host, url, why):
    fetcher = Fetcher(["files.jodoo.com", host.name])
    with pytest.raises(Unsafe, match=why) as caught:
        await fetch(fetcher, url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("where", "why"),
    [
        ("https://elsewhere.example/a", "elsewhere.example"),
        ("http://127.0.0.1:1/a", "127.0.0.1:1"),
        ("http://files.jodoo.com/a", "only https"),
        ("file:///etc/passwd", "only https"),
        ("//elsewhere.example/a", "http://elsewhere.example: only https"),
        ("https://[x", "isn't a URL"),
        ("/round", "more than 3 times"),
    ],
)
async def test_a_redirect_that_is_not_followed(host, fetcher, where, why):
    host.answers["/round"] = [whole(b"", f"Location: {where}", status="302 Found")]
    with pytest.raises(Unsafe, match=why):
        await fetch(fetcher, host.url("/round"))
    assert len(host.seen) == (4 if where == "/round" else 1)


async def test_where_a_redirect_leads_is_in_no_log(host, fetcher, caplog):
    caplog.set_level(logging.DEBUG)
    host.answers["/a"] = [whole(b"", "Location: /b?attname=Bob's.pdf&e=1&token=secret", status="302 Found")]
    host.answers["/b"] = [whole(b"here")]
    assert (await fetch(fetcher, host.url("/a", "?e=1&token=secret")))[3] == b"here"
    assert "receive_response_headers" in caplog.text, "or the test proves nothing"
    assert "secret" not in caplog.text


async def test_three_redirects_within_the_allowed_hosts_are_followed(host):
    async with Host() as other:
        host.answers["/1"] = [whole(b"", "Location: 2", status="301 Moved")]
        host.answers["/2"] = [whole(b"", f"Location: {other.url('/3')}", status="307 Moved")]
        other.answers["/3"] = [whole(b"", f"Location: {host.url('/4')}", status="308 Moved")]
        host.answers["/4"] = [whole(b"here")]
        fetcher = Fetcher([host.name, other.name])
        assert (await fetch(fetcher, host.url("/1")))[3] == b"here"
        await fetcher.aclose()


@pytest.mark.parametrize(
    ("answer", "error", "why"),
    [
        (whole(b"", status="401 Unauthorized"), DeadLink, "HTTP 401"),
        (whole(b"", status="403 Forbidden"), DeadLink, "HTTP 403"),
        (whole(b"", status="404 Not Found"), DeadLink, "HTTP 404"),
        (whole(b"", status="410 Gone"), DeadLink, "HTTP 410"),
        (whole(b"", status="400 Bad Request"), Unsafe, "HTTP 400"),
        (whole(b"", status="204 No Content"), Unsafe, "HTTP 204"),
        (whole(b"", status="429 Slow Down"), TransportError, "HTTP 429"),
        (whole(b"", status="503 Unavailable"), TransportError, "HTTP 503"),
        (whole(gzip.compress(bytes(1 << 20)), "Content-Encoding: gzip"), Unsafe, "compressed"),
        (whole(b"part", "Content-Range: bytes 0-3/9", status="206 Partial"), Unsafe, "HTTP 206"),
        (whole(b"short", length=99), TransportError, "closed the connection"),
        (b"", TransportError, "closed the connection"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", TransportError, "closed the connection"),
    ],
)
async def test_an_answer_that_is_no_file(host, fetcher, answer, error, why):
    host.answers["/a"] = [answer]
    with pytest.raises(error, match=why) as caught:
        await fetch(fetcher, host.url("/a", "?e=1&token=secret"))
    assert "secret" not in str(caught.value)


async def test_who_announces_less_than_comes_has_sent_less(host, fetcher):
    host.answers["/a"] = [whole(b"content and more", length=7)]
    assert (await fetch(fetcher, host.url("/a")))[3] == b"content"


async def test_a_part_is_asked_for_only_of_the_very_content(host, fetcher):
    host.answers["/a"] = [ranged(b"0123456789", '"x"')]
    assert await fetch(fetcher, host.url("/a"), offset=4, etag='"x"') == (4, 10, '"x"', b"456789")
    assert (await fetch(fetcher, host.url("/a"), offset=4, etag='"y"'))[::3] == (0, b"0123456789")
    assert (await fetch(fetcher, host.url("/a"), offset=4))[::3] == (0, b"0123456789")
    assert ["range" in head.lower() for head in host.asked("/a")] == [True, True, False]


async def test_a_host_that_falls_silent(host, fetcher, monkeypatch):
    monkeypatch.setitem(_TIMEOUTS, "read", 0.2)
    host.answers["/a"] = [whole(b"cont", length=7)]
    host.silent.add("/a")
    with pytest.raises(TransportError, match="ReadTimeout"):
        await fetch(fetcher, host.url("/a"))


async def test_tls_that_breaks_while_a_file_comes(host, fetcher, monkeypatch):
    async def broken(_):
        raise ssl.SSLError(1, "[SSL: DECRYPTION_FAILED_OR_BAD_RECORD_MAC]")
        yield b""

    host.answers["/a"] = [whole(b"content")]
    monkeypatch.setattr(httpx.Response, "aiter_raw", broken)
    with pytest.raises(TransportError, match="the request to .* failed"):
        await fetch(fetcher, host.url("/a"))


async def test_a_host_may_be_named_with_its_usual_port(tmp_path):
    assert FileStore(tmp_path, hosts=("files.example.com:443",)).hosts == ("files.example.com",)


async def test_a_proxy_that_cannot_be_used(monkeypatch):
    monkeypatch.setenv("ALL_PROXY", "socks4://me:secret@127.0.0.1:1")
    with pytest.raises(ConfigError, match="ALL_PROXY is no address of a proxy") as caught:
        await fetch(Fetcher(["files.jodoo.com"]), "https://files.jodoo.com/a")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "answer",
    [
        whole(b"456789", "Content-Range: bytes 4-9/10", 'ETag: "y"', status="206 Partial"),
        whole(b"456789", "Content-Range: bytes 4-9/10", status="206 Partial"),
        whole(b"456789", "Content-Range: bytes 3-9/10", status="206 Partial"),
        whole(b"4567", "Content-Range: bytes 4-7/10", status="206 Partial"),
        whole(b"456789", "Content-Range: bytes 4-9/*", status="206 Partial"),
        whole(b"456789", status="206 Partial"),
        whole(b"", "Content-Range: bytes */10", status="416 Range Not Satisfiable"),
    ],
)
async def test_another_part_than_was_asked_for(host, fetcher, answer):
    host.answers["/a"] = [answer]
    with pytest.raises(WrongPart):
        await fetch(fetcher, host.url("/a"), offset=4, etag='"x"')


@pytest.mark.parametrize(
    ("etag", "kept"), [('"x"', '"x"'), ('W/"x"', None), ("x", None), ('""', None), ('"a"b"', None)]
)
async def test_only_a_strong_etag_tells_contents_apart(host, fetcher, etag, kept):
    host.answers["/a"] = [whole(b"", f"ETag: {etag}")]
    assert (await fetch(fetcher, host.url("/a")))[2] == kept


async def test_an_address_in_capitals_is_the_same_host(monkeypatch):
    made = []

    def noted(url):
        made.append(url)
        return HttpxTransport(url)

    monkeypatch.setattr("workflowkit.files.fetch.HttpxTransport", noted)
    fetcher = Fetcher(["files.example"])
    with pytest.raises(TransportError):
        await fetch(fetcher, "HTTPS://FILES.example/a")
    assert made == ["https://files.example"]
    await fetcher.aclose()
