"""The sandbox as a running server: real HTTP over real sockets, on this machine only."""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Any, Protocol, Self

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from .call import Call
from .faults import Fault, Faults, spoil
from .gateway import Gateway
from .iam import Iam
from .jodoo import Jodoo
from .secmaster import SecMaster
from .workspace import PROJECT_ID, WORKSPACE_ID, Workspace
from .world import World

logging.getLogger("uvicorn").addHandler(logging.NullHandler())  # it complains of every cut that was requested

KEY = "sandbox-key"
"""The API key that the sandbox accepts unless told otherwise."""

ACCESS_KEY = ("SANDBOXACCESSKEY0001", "SandboxSecretKeySandboxSecretKey00000001")
"""The access key and secret key that it accepts unless told otherwise."""

USER = ("sandbox-user", "sandbox-password", "sandbox-domain")
"""The user, password and domain that it gives tokens to unless told otherwise."""


class Service(Protocol):
    """What the server puts calls to."""

    def endpoint(self, call: Call) -> str:
        """Return the name of the operation."""

    def answer(self, call: Call) -> Response:
        """Answer the call."""


class Sandbox:
    """The server, as a context manager. It runs in a thread of its own.

    Args:
        world: the data of Jodoo. 300 instances unless given.
        workspace: the data of SecMaster. 120 instances unless given.
        port: 0 for a free one.
        keys: API keys, and the tenant that each belongs to.
        edition: ``jodoo`` or ``jiandaoyun``.
        access_keys: secret keys by access key. For a temporary one a pair of secret key and security token.
        users: passwords by user name, all of one domain.
        token_seconds: how long tokens live.
        limited: whether the documented rates are enforced, in any sliding second.

    Attributes:
        jodoo: a service behind it. Its `answered` counts answers by operation and refusals by code.
        secmaster: another.
        iam: the one that gives out tokens. `revoke` ends them.
    """

    def __init__(
        self,
        world: World | None = None,
        workspace: Workspace | None = None,
        *,
        port: int = 0,
        keys: Mapping[str, str] | None = None,
        edition: str = "jodoo",
        access_keys: Mapping[str, str | tuple[str, str]] | None = None,
        users: Mapping[str, str] | None = None,
        token_seconds: float = 86_400.0,
        limited: bool = True,
    ) -> None:
        self.world: World = world or World()
        self.keys: Mapping[str, str] = keys or {KEY: "default"}
        self.edition: str = edition
        self.jodoo: Jodoo = Jodoo(self.world, self.keys, edition, limited=limited)
        self.workspace: Workspace = workspace or Workspace()
        self.iam: Iam = Iam(users or {USER[0]: USER[1]}, USER[2], PROJECT_ID, life=token_seconds)
        self.access_keys: Mapping[str, str | tuple[str, str]] = access_keys or {ACCESS_KEY[0]: ACCESS_KEY[1]}
        self.secmaster: SecMaster = SecMaster(self.workspace, Gateway(self.access_keys, self.iam, limited=limited))
        self._faults = Faults()
        self._connections: dict[Any, asyncio.Transport] = {}
        self._socket = socket.create_server(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # or answers wait 40 ms for an ACK
        self.url: str = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        config = uvicorn.Config(
            self._app(),
            http=self._protocol(),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, args=([self._socket],), name="workflowkit-sandbox", daemon=True
        )

    @property
    def env(self) -> dict[str, str]:
        """The environment that makes a client talk to this sandbox."""
        ak, sk = next(iter(self.access_keys.items()))
        sk, *security_token = (sk,) if isinstance(sk, str) else sk
        return {
            "JODOO_API_KEY": next(iter(self.keys)),
            "JODOO_BASE_URL": f"{self.url}/api",
            "JODOO_EDITION": self.edition,
            "HUAWEICLOUD_SDK_AK": ak,
            "HUAWEICLOUD_SDK_SK": sk,
            **({"HUAWEICLOUD_SDK_SECURITY_TOKEN": security_token[0]} if security_token else {}),
            "HUAWEICLOUD_SDK_PROJECT_ID": PROJECT_ID,
            "HUAWEICLOUD_SDK_IAM_ENDPOINT": self.url,
            "SECMASTER_WORKSPACE_ID": WORKSPACE_ID,
            "SECMASTER_BASE_URL": self.url,
        }

    def fault(self, kind: str, *, times: int = 1, endpoint: str | None = None, seconds: float = 0.0) -> None:
        """Let the next answers, of one operation if named, go wrong. See `FAULTS` for the kinds."""
        self._faults.add(Fault(kind, times, endpoint, seconds))

    def __enter__(self) -> Self:
        self._thread.start()
        while not self._server.started:
            if not self._thread.is_alive():
                raise RuntimeError("the sandbox could not start")
            time.sleep(0.005)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._thread.join()

    def _app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/api/{path:path}", self._serve(self.jodoo), methods=["POST"]),
                Route("/v1/{path:path}", self._serve(self.secmaster), methods=["GET"]),
                Route("/v3/auth/tokens", self._serve(self.iam), methods=["POST"]),
                Route("/files/{path:path}", self._serve(self.world.files), methods=["GET"]),
                Route("/sandbox/faults", self._add_fault, methods=["POST"]),
                Route("/sandbox/answered", self._answered),
            ]
        )

    def _serve(self, service: Service) -> Callable[[Request], Awaitable[Response]]:
        async def serve(request: Request) -> Response:
            call = Call(
                method=request.method,
                path=request.scope["raw_path"].decode("ascii"),
                query=request.scope["query_string"].decode("ascii"),
                headers=request.headers,
                content=await _body(request),
                base=self.url,
            )
            fault = self._faults.next_for(service.endpoint(call))
            answer = service.answer(call)
            if fault is None:
                return answer
            if fault.kind in ("drop", "reset"):
                client = request.scope["client"]
                return _Cut(self._connections[tuple(client)], bytes(answer.body) if fault.kind == "reset" else b"")
            return await spoil(fault, answer)

        return serve

    async def _add_fault(self, request: Request) -> Response:
        try:
            fault = Fault(**await request.json())
        except (TypeError, ValueError) as error:
            return JSONResponse({"error": str(error)}, 400)
        self._faults.add(fault)
        return Response(status_code=204)

    async def _answered(self, request: Request) -> Response:
        services = (self.jodoo, self.secmaster, self.iam, self.world.files)
        return JSONResponse(dict(sum((each.answered for each in services), Counter[str]())))

    def _protocol(self) -> type[H11Protocol]:
        """Return uvicorn's protocol, which also remembers its connections so that they can be cut."""
        connections = self._connections

        class Protocol(H11Protocol):
            def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
                self.peer = transport.get_extra_info("peername")
                connections[self.peer] = transport
                super().connection_made(transport)

            def connection_lost(self, exc: Exception | None) -> None:
                connections.pop(self.peer, None)
                super().connection_lost(exc)

        return Protocol


async def _body(request: Request) -> bytes:
    """Return the body. Unlike the framework's own way, nothing is left behind if the server stops meanwhile."""
    chunks: list[bytes] = []
    more = True
    while more:
        message = await request.receive()
        chunks.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(chunks)


class _Cut(Response):
    """Sends half of a body, or nothing, and then cuts the connection."""

    def __init__(self, connection: asyncio.Transport, body: bytes) -> None:
        super().__init__(body, media_type="application/json")
        self._connection = connection

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.body:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            await send({"type": "http.response.body", "body": self.body[: len(self.body) // 2], "more_body": True})
            linger = struct.pack("ii", 1, 0)  # closing at once, unsent data and all, is what sends a reset
            self._connection.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._connection.abort()
