"""What proxies, gateways and broken servers do to a connection, on both transports, over real sockets."""

from __future__ import annotations

import asyncio
import gzip
import json
import subprocess
import sys
import traceback
import zlib
from typing import Any
from weakref import WeakSet

import pytest

from workflowkit import (
    ApiError,
    ConfigError,
    JodooClient,
    RateLimited,
    RetryPolicy,
    SecMasterClient,
    ServerError,
    TransportError,
)
from workflowkit._http import sockets
from workflowkit.files import Fetcher
from workflowkit.secmaster import AccessKey, IamPassword, IamToken

CANARY = "CaNaRy-0123456789-CaNaRy"
QUICK = RetryPolicy(first_delay=0.01, longest_delay=0.01)
LOGS = b'{"logs": []}'


def response(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    head = (f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Content-Type: application/json", *headers)
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


class Server:
    """Answers every request with the same bytes; keeps its connections."""

    def __init__(self, answer: bytes | None, *, after: bytes = b"") -> None:
        self.answer = answer
        self.after = after
        self.heads: list[bytes] = []
        self.connections = 0
        self.open = 0

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_):
        self._server.close()

    async def _serve(self, reader, writer):
        self.connections += 1
        self.open += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.heads.append(head)
                length = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
                await reader.readexactly(int(length[0].split(b":")[1]) if length else 0)
                if self.answer is None:
                    await reader.read()
                    return
                writer.write(self.answer + self.after)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self.open -= 1
            writer.close()


def jodoo(url, **options):
    return JodooClient(CANARY, base_url=f"{url}/api", **{"rate": None, "retry": QUICK, **options})


async def test_bytes_after_a_response_are_not_the_next_one(transport):
    one = {"flow_id": 1, "flow_name": "a", "create_time": "2024-01-09T03:16:35.447Z"}
    async with (
        Server(response(json.dumps({"logs": [one]}).encode()), after=response(LOGS)) as server,
        jodoo(server.url) as client,
    ):
        assert [len(await client.workflow_logs("i1")) for _ in range(5)] == [1] * 5


@pytest.mark.parametrize("encoding", ["gzip, gzip", "deflate", "br", "gzip;q=1"])
async def test_an_encoding_that_was_not_asked_for_is_refused(transport, encoding):
    async with (
        Server(response(gzip.compress(LOGS), f"Content-Encoding: {encoding}")) as server,
        jodoo(server.url) as client,
    ):
        with pytest.raises(TransportError, match="which wasn't asked for"):
            await client.workflow_logs("i1")


async def test_gzip_is_unpacked(transport):
    for packed in (gzip.compress(LOGS), gzip.compress(LOGS[:5]) + gzip.compress(LOGS[5:])):
        async with Server(response(packed, "Content-Encoding: GZIP")) as server, jodoo(server.url) as client:
            assert await client.workflow_logs("i1") == []


@pytest.mark.parametrize("packed", [gzip.compress(LOGS)[:-9], b"nope", zlib.compress(LOGS)], ids=["cut", "no", "zlib"])
async def test_what_is_no_gzip(transport, packed):
    async with Server(response(packed, "Content-Encoding: gzip")) as server, jodoo(server.url) as client:
        with pytest.raises(TransportError, match="isn't the gzip that it says"):
            await client.workflow_logs("i1")


async def test_a_bomb_is_refused_while_it_streams(transport, monkeypatch):
    monkeypatch.setattr("workflowkit._http.transport.LARGEST_BODY", 1 << 20)
    packed = gzip.compress(bytes(200 << 20))
    async with (
        Server(response(packed, "Content-Encoding: gzip")) as server,
        jodoo(server.url, retry=RetryPolicy(attempts=1)) as client,
    ):
        with pytest.raises(TransportError, match="larger than 1 MB; it was not read further"):
            await client.workflow_logs("i1")


@pytest.mark.parametrize("base_url", ["http://service.example/api", "https://service.example/api"])
async def test_a_password_that_a_proxy_refuses_is_sent_once(transport, monkeypatch, base_url):
    refusal = response(b"<html>", "Proxy-Authenticate: Basic", status="407 Proxy Authentication Required")
    async with Server(refusal) as server:
        for name in ("HTTP_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(name, server.url.replace("//", f"//me:{CANARY}@"))
        async with JodooClient("k", base_url=base_url, rate=None, retry=QUICK, insecure_http=True) as client:
            calls = [_await(client.workflow_logs(f"i{number}")) for number in range(20)]
            caught = await asyncio.gather(*calls, return_exceptions=True)
        assert len(server.heads) == 1
    for error in caught:
        assert isinstance(error, TransportError)
        assert error.permanent
        assert f"the proxy {server.url} refuses user and password (HTTP 407)" in str(error)
        assert CANARY not in _told(error)


async def test_all_clients_of_a_proxy_learn_of_its_refusal(transport, monkeypatch):
    refusal = response(b"<html>", "Proxy-Authenticate: Basic", status="407 Proxy Authentication Required")
    async with Server(refusal) as server:
        for name in ("HTTP_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(name, server.url.replace("//", f"//me:{CANARY}@"))

        async def download(number):
            fetcher = Fetcher(["files.example"])
            try:
                async with fetcher.get(f"https://files.example/{number}"):
                    pass
            finally:
                await fetcher.aclose()

        async def call(number):
            async with JodooClient("k", base_url="https://service.example/api", rate=None, retry=QUICK) as client:
                await client.workflow_logs(f"i{number}")

        works = [work(number) for number in range(10) for work in (download, call)]
        caught = await asyncio.gather(*works, return_exceptions=True)
        assert len(server.heads) == 1
    assert all(isinstance(error, TransportError) and error.permanent for error in caught)


@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Service Unavailable"])
@pytest.mark.parametrize(
    ("body", "encoding"),
    [(b"", "gzip"), (b"<html>", "gzip"), (gzip.compress(b"<html>" * 99)[:-9], "gzip"), (b"<html>", "br")],
    ids=["empty", "no gzip", "cut", "another"],
)
async def test_an_error_counts_by_its_status_though_its_body_cannot_be_read(transport, status, body, encoding):
    refusal = response(body, f"Content-Encoding: {encoding}", "Retry-After: 900", status=status)
    async with Server(refusal) as server, jodoo(server.url) as client:
        with pytest.raises((RateLimited, ServerError)) as caught:
            await client.workflow_logs("i1")
    assert caught.value.retry_after == 900


async def test_a_proxy_that_is_not_there_is_named(transport, monkeypatch, unused_tcp_port):
    monkeypatch.setenv("HTTPS_PROXY", f"http://me:{CANARY}@127.0.0.1:{unused_tcp_port}")
    async with JodooClient("k", base_url="https://service.example/api", retry=QUICK) as client:
        with pytest.raises(TransportError) as caught:
            await client.workflow_logs("i1")
    proxy = f"http://127.0.0.1:{unused_tcp_port}"
    assert f"can't connect to the proxy {proxy} for service.example" in str(caught.value)
    assert "check HTTPS_PROXY" in str(caught.value)
    assert CANARY not in _told(caught.value)


def _told(error):
    """Return a traceback with the locals of all frames but the tests' own, and of all causes."""
    told: Any = traceback.TracebackException.from_exception(error, capture_locals=True)
    shown = [str(error), repr(error)]
    while told is not None:
        shown += [repr(frame.locals) for frame in told.stack if "/tests/" not in frame.filename.replace("\\", "/")]
        told = told.__cause__ or told.__context__
    return "\n".join(shown)


IDS: dict[str, Any] = {
    "project_id": "0a1b2c3d4e5f60718293a4b5c6d7e8f9",
    "workspace_id": "909494e3-558e-46b6-a9eb-07a8e18ca62f",
}


@pytest.mark.parametrize("ends", ["cancelled", "timed out"])
@pytest.mark.parametrize("credentials", ["key", "token", "access key", "password", "proxy"])
async def test_no_credential_is_in_a_traceback_with_locals(transport, monkeypatch, credentials, ends):
    options: dict[str, Any] = {
        "rate": None,
        "retry": RetryPolicy(attempts=1),
        "timeout": 0.2 if ends == "timed out" else 30.0,
    }
    async with Server(None) as server:
        if credentials == "proxy":
            monkeypatch.setenv("HTTP_PROXY", server.url.replace("//", f"//me:{CANARY}@"))
            client: Any = JodooClient("k", base_url="http://service.example/api", insecure_http=True, **options)
        elif credentials == "key":
            client = jodoo(server.url, **options)
        else:
            held: Any = {
                "token": IamToken(CANARY),
                "access key": AccessKey("AK0123456789", CANARY),
                "password": IamPassword("u", CANARY, "d", iam_endpoint=server.url),
            }[credentials]
            client = SecMasterClient(held, base_url=server.url, **IDS, **options)
        async with client:
            is_jodoo = isinstance(client, JodooClient)
            call = client.workflow_logs("i1") if is_jodoo else client.workflow_instances()
            task = asyncio.ensure_future(_await(call))
            while not server.heads:
                await asyncio.sleep(0.01)
            if ends == "cancelled":
                task.cancel()
            with pytest.raises(asyncio.CancelledError if ends == "cancelled" else TransportError) as caught:
                await task
    assert CANARY not in _told(caught.value)


async def _await(call):
    return await call


MANY = """
import asyncio, sys
from workflowkit import JodooClient

async def main():
    async with JodooClient("sandbox-key", base_url=sys.argv[1], rate=None, transport=sys.argv[2]) as jodoo:
        async def one():
            return await jodoo.workflow_logs(sys.argv[3])
        pages = await asyncio.gather(*(one() for _ in range(1000)))
        print(sum(map(len, pages)))

asyncio.run(main())
"""


@pytest.mark.parametrize("kind", ["httpx", "aiohttp"])
def test_a_thousand_tasks_with_few_open_files(kind):
    resource = pytest.importorskip("resource")
    from workflowkit.sandbox import Sandbox, World

    def few():
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))

    with Sandbox(World(10), limited=False) as server:
        one = server.world.edge_cases()["one log"]
        done = subprocess.run(
            [sys.executable, "-c", MANY, f"{server.url}/api", kind, one],
            preexec_fn=few, capture_output=True, text=True, timeout=50, check=False,
        )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "1000\n"), done.stderr


async def test_many_tenants_share_a_bound(transport, monkeypatch):
    monkeypatch.setattr(sockets, "most_under_way", lambda: 12)
    monkeypatch.setattr(sockets, "_open", WeakSet())
    async with Server(response(LOGS)) as server:
        clients = [jodoo(server.url, tenant=f"t{number}") for number in range(10)]
        await asyncio.gather(*(_await(client.workflow_logs("i1")) for client in clients for _ in range(20)))
        await asyncio.sleep(0.1)
        assert not sockets.is_crowded()
        assert server.open <= 24
        for client in clients:
            await client.aclose()


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    """A certificate of our own for this machine, without an Authority Key Identifier, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    made = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
         "-addext", "subjectAltName=IP:127.0.0.1", "-addext", "authorityKeyIdentifier=none",
         "-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")],
        capture_output=True, check=False,
    )  # fmt: skip
    if made.returncode:
        pytest.skip("openssl isn't there")
    return folder


@pytest.fixture
async def secure(authority):
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority / "cert.pem", authority / "key.pem")
    served = Server(response(LOGS))
    server = await asyncio.start_server(served._serve, "127.0.0.1", 0, ssl=context)
    served.url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield served
    server.close()


async def test_a_certificate_that_is_not_trusted_is_tried_once(transport, secure):
    told: list[Any] = []
    async with jodoo(secure.url, observers=[told.append]) as client:
        with pytest.raises(TransportError, match="its certificate isn't trusted .*set SSL_CERT_FILE") as caught:
            await client.workflow_logs("i1")
    assert (caught.value.permanent, caught.value.attempts, len(told)) == (True, 1, 1)


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
async def test_certificates_of_a_company_are_named_by_a_variable(transport, secure, authority, monkeypatch, variable):
    monkeypatch.setenv(variable, str(authority / "cert.pem"))
    async with jodoo(secure.url) as client:
        assert await client.workflow_logs("i1") == []


async def test_or_by_a_context(transport, secure, authority):
    import ssl

    context = ssl.create_default_context(cafile=authority / "cert.pem")
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    async with jodoo(secure.url, ssl_context=context) as client:
        assert await client.workflow_logs("i1") == []


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
@pytest.mark.parametrize("content", [None, b"", b"not a certificate"])
async def test_certificates_that_cannot_be_read_are_said(transport, monkeypatch, tmp_path, variable, content):
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setenv(variable, str(path))
    async with jodoo("https://127.0.0.1:1") as client:
        with pytest.raises(ConfigError, match=f"{variable}=.*ca.pem.*: can't be read as certificates"):
            await client.workflow_logs("i1")


async def test_a_connection_is_closed_at_once_when_it_is_not_made_safe_in_time(monkeypatch):
    gone = asyncio.Event()

    async def silent(reader, writer):
        await reader.read(-1)
        gone.set()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with jodoo(url, transport="httpx", timeout=0.3, retry=RetryPolicy(attempts=1)) as client:
        with pytest.raises(TransportError, match="no complete response"):
            await client.workflow_logs("i1")
        async with asyncio.timeout(5):
            await gone.wait()
    server.close()


async def test_a_foreign_status_is_no_word_of_the_services(transport):
    async with Server(response(b"<html>", status="404 Not Found")) as server, jodoo(server.url) as client:
        with pytest.raises(ApiError) as caught:
            await client.workflow_logs("i1")
    assert (type(caught.value), caught.value.foreign, caught.value.attempts) == (ApiError, True, 1)


async def test_an_ipv6_address_behind_a_proxy(monkeypatch):
    """On httpx it can't be had, and that is said; aiohttp names it to the proxy with its brackets."""
    async with Server(response(b"<html>", status="502 Bad Gateway")) as server:
        monkeypatch.setenv("HTTPS_PROXY", server.url)
        retry = RetryPolicy(attempts=1)
        async with JodooClient("k", base_url="https://[fd00::1]/api", transport="httpx", retry=retry) as client:
            with pytest.raises(ConfigError, match=r"\[fd00::1\]: httpx can't reach an IPv6 address through a proxy"):
                await client.workflow_logs("i1")
        assert server.heads == []
        async with JodooClient("k", base_url="https://[fd00::1]/api", transport="aiohttp", retry=retry) as client:
            with pytest.raises(TransportError, match=r"doesn't connect to \[fd00::1\]: HTTP 502"):
                await client.workflow_logs("i1")
        assert server.heads[0].startswith(b"CONNECT [fd00::1]:443 ")
