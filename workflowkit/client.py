"""The client core: lifecycle, limits, and the loop around one attempt.

The order is fixed: retry > cooldown > limit of the endpoint > limit of the tenant > credentials >
send. Each attempt passes all of it, so a retry can no more exceed a limit than a first try. Where
credentials need a request of their own (a token), that is a call of another client, and waits in
that client's limits before the attempt waits in ours.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Generic, NoReturn, Self, TypeVar
from urllib.parse import urlsplit

import attrs

from . import __version__
from ._decode.converter import decode
from ._decode.document import Document
from ._decode.model import Model
from ._http import Transport, make_transport
from ._http.endpoint import Endpoint, Query
from ._http.message import Request, Response, Timing
from ._http.status import status_error
from .auth import Auth
from .errors import (
    ApiError,
    AuthenticationError,
    ConfigError,
    DecodeError,
    RateLimited,
    TransportError,
    WorkflowKitError,
)
from .options import Options
from .ratelimit import Limiter, LimitSnapshot, Permit
from .ratelimit.window import RateLimit, snapshots, window_of
from .redact import cut
from .retry import ADVISED
from .stopping import droppable, only_waits
from .telemetry import RequestDone, Retrying, notify

M = TypeVar("M", bound=Model)

_LARGE = 1 << 20
"""Bytes from which decoding would hold up the event loop noticeably, so it is done in a thread."""


_NOTHING: Mapping[str, Any] = {}

Classify = Callable[[Response], ApiError | None]
"""Reads a system's own error body, or None where the response holds none."""


def origin(url: str) -> str:
    """Return scheme, host and port: two spellings of one address have the same limits."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"


@attrs.frozen(kw_only=True)
class Result(Generic[M]):
    """What a call returns: a successful response, decoded.

    Attributes:
        value: the object that it decodes to.
        document: its own bytes.
        headers: names in lower case.
        attempts: how many requests it took.
        items_at: the field of the value that holds its rows.
    """

    value: M
    document: Document
    headers: Mapping[str, str]
    attempts: int
    items_at: str

    @property
    def items(self) -> tuple[Any, ...]:
        """Its rows, none where the field or what holds it is null."""
        found: Any = self.value
        for name in self.items_at.split("."):
            found = None if found is None else getattr(found, name)
        return found or ()

    @property
    def raws(self) -> tuple[bytes, ...]:
        """The vendor's own bytes of each row, none where there is no row: the field may hold anything then."""
        return self.document.raws(self.items_at) if self.items else ()


@attrs.frozen(kw_only=True)
class Pace:
    """Whose rate limit reading instances uses, and how much of it.

    Attributes:
        tenant: the owner of the limit.
        window: seconds in which the tenant's limit counts requests, or 0 if there is none.
        rate: requests per second that reading may take, or None for no limit.
    """

    tenant: str
    window: float
    rate: float | None


class Client:
    """Base of the service clients. Use it as ``async with``, or call `aclose` at the end.

    One client serves any number of concurrent tasks of one event loop.
    """

    def __init__(self, *, system: str, auth: Auth, classify: Classify, options: Options) -> None:
        self._options = options
        self._base_url = options.base_url.rstrip("/")
        options.check()
        self._auth = auth
        self._classify = classify
        self._scope = (system, origin(self._base_url), options.tenant)
        self._limiters: dict[str, tuple[Limiter, Limiter]] = {}
        self._transport: Transport = make_transport(options.transport, self._base_url, options.ssl_context)
        self._closed = False

    @property
    def tenant(self) -> str:
        """Whose rate limit this client uses."""
        return self._options.tenant

    @property
    def address(self) -> str:
        """Where its requests go."""
        return self._base_url

    def limits(self) -> list[LimitSnapshot]:
        """Return the state of the tenant's limit and those of its operations, in the whole process.

        The tenant's comes first, then each operation that was called. The list is empty before the first call.
        Nothing is sent.
        """
        return snapshots(self._scope)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close all connections. Calls after this raise ConfigError."""
        self._closed = True
        try:
            await self._auth.aclose()
        finally:
            await self._transport.aclose()

    def __repr__(self) -> str:
        if not hasattr(self, "_scope"):  # a traceback may show one whose constructor failed
            return f"{type(self).__name__}(...)"
        return f"{type(self).__name__}(base_url={self._base_url!r}, tenant={self.tenant!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("clients can't be pickled: create one in each process")

    def _pace(self, *endpoints: Endpoint[Any]) -> Pace:
        """Return the pace at which these operations may be called together."""
        tenant = self._options.tenant_rate()
        rates = [rate for each in endpoints if (rate := self._options.endpoint_rate(each.rate)) is not None]
        rate = min(math.inf if tenant is None else tenant, sum(rates) if len(rates) == len(endpoints) else math.inf)
        return Pace(tenant=self.tenant, window=RateLimit.of(tenant).seconds, rate=None if math.isinf(rate) else rate)

    async def _call(
        self,
        endpoint: Endpoint[M],
        body: Mapping[str, Any] | None = None,
        *,
        path: Mapping[str, str] = _NOTHING,
        query: Query = _NOTHING,
        item_id: str | None = None,
    ) -> Result[M]:
        """Send until it succeeds or the retry policy gives up.

        An error says how many attempts that was, and which id was requested.
        Credentials that were refused are renewed once, if they can be. That is one attempt more.
        """
        attempt = 0
        renewed = False
        while True:
            request = endpoint.request(self._base_url, path=path, query=query, body=body)
            before = attempt
            try:
                async with self._auth.trial():  # a failure leaves it as one, whether or not it is tried again
                    permit = await self._permit(endpoint, attempt, item_id)
                    attempt += 1
                    return await self._attempt(endpoint, request, permit, attempt)
            except WorkflowKitError as error:
                if attempt == before:  # nothing was sent
                    raise
                error.attempts, error.endpoint, error.item_id = attempt, endpoint.name, item_id
                delay = self._options.retry.delay(error, attempt)
                if isinstance(error, AuthenticationError) and not renewed and self._auth.on_refused(request, error):
                    renewed, delay = True, 0.0
                if isinstance(error, RateLimited):
                    self._cool_down(endpoint, error, delay)
                if delay is None:
                    raise
                failure = error
            await self._pause(endpoint, failure, attempt, delay)

    async def _permit(self, endpoint: Endpoint[M], attempts: int, item_id: str | None) -> Permit:
        """Return a place in all limits, with credentials at hand: they may run out while it is waited for."""
        waited = 0.0
        while True:
            try:
                await self._auth.prepare()
            except WorkflowKitError as error:
                error.attempts += attempts
                if error.endpoint is None:
                    error.endpoint, error.item_id = endpoint.name, item_id
                raise
            permit = Permit(*self._limits_of(endpoint))
            await self._wait(endpoint, permit, attempts, waited)
            waited = permit.waited = waited + permit.waited
            if self._auth.is_ready:
                return permit
            permit.release()

    async def _wait(self, endpoint: Endpoint[M], permit: Permit, attempts: int, waited: float) -> None:
        """Wait for the limits. RateLimited if that takes longer than `max_wait`, with what was waited before."""
        if self._closed:
            closed = ConfigError("this client is closed: create a new one")
            closed.attempts = attempts
            raise closed
        max_wait = self._options.max_wait
        try:
            async with droppable(only_waits):
                await permit.acquire(None if max_wait is None else max_wait - waited)
        except TimeoutError:
            later = max(limiter.backlog() for limiter in self._limits_of(endpoint))
            refusal = RateLimited(
                f"not sent: rate limit has no free slot within max_wait={max_wait:g} s; retry in about {later:.1f} s",
                retry_after=later,
                endpoint=endpoint.name,
            )
            refusal.attempts = attempts
            raise refusal from None

    def _limits_of(self, endpoint: Endpoint[M]) -> tuple[Limiter, Limiter]:
        """Return the limit of the operation and that of the tenant."""
        if endpoint.name not in self._limiters:
            own = window_of((*self._scope, endpoint.name))
            self._limiters[endpoint.name] = (
                Limiter(self._options.endpoint_rate(endpoint.rate), window=own),
                Limiter(self._options.tenant_rate(), window=window_of(self._scope)),
            )
        return self._limiters[endpoint.name]

    async def _attempt(self, endpoint: Endpoint[M], request: Request, permit: Permit, attempt: int) -> Result[M]:
        request.headers["User-Agent"] = f"workflowkit/{__version__}"
        started = time.monotonic()
        response: Response | None = None
        document: Document | None = None
        failure: BaseException | None = None
        timing = Timing()
        try:
            with permit:
                self._auth.authorize(request)
                permit.sent()
                try:
                    response = await self._send(request, timing)
                finally:
                    permit.timed(timing.left, timing.began)
            document = Document(response.content, response.request_id)
            value = await self._read(endpoint, response, document)
        except BaseException as error:
            failure = error
            raise
        finally:
            if self._options.observers:
                ahead = None if response is None else response.clock_ahead
                done = RequestDone(
                    endpoint=endpoint.name,
                    tenant=self.tenant,
                    attempt=attempt,
                    status=response.status if response is not None else None,
                    error=type(failure).__name__ if failure else None,
                    waited=permit.waited,
                    elapsed=time.monotonic() - started,
                    size=len(response.content) if response is not None else 0,
                    request_id=document.request_id if document is not None else None,
                    ahead=None if ahead is None else ahead.total_seconds(),
                )
                notify(self._options.observers, done)
        return Result(
            value=value,
            document=document,
            headers=response.headers,
            attempts=attempt,
            items_at=endpoint.items,
        )

    async def _send(self, request: Request, timing: Timing) -> Response:
        """Send the request. A harvest that is to stop drops it as long as it has no connection."""
        async with droppable(lambda: timing.left is None):
            return await self._transport.send(request, timeout=self._options.timeout, timing=timing)

    async def _read(self, endpoint: Endpoint[M], response: Response, document: Document) -> M:
        """Return the decoded response, or raise the error that it reports."""
        fault: WorkflowKitError | None = None
        if 200 <= response.status < 300:
            try:
                if len(document.body) < _LARGE:
                    return decode(document, endpoint.returns)
                return await asyncio.to_thread(decode, document, endpoint.returns)
            except (DecodeError, TransportError) as error:
                fault = error
        fault = self._classify(response) or fault or status_error(response)
        fault.request_id = fault.request_id or document.request_id
        if isinstance(fault, ApiError):
            fault.message = cut(self._auth.redact(fault.message))
            fault.args = (fault.message,)
        elif isinstance(fault, DecodeError):
            fault.body = document.body
        if isinstance(fault, AuthenticationError):
            fault.hint = self._auth.hint_for(response) or fault.hint
        raise fault

    async def _pause(self, endpoint: Endpoint[M], error: WorkflowKitError, attempt: int, delay: float) -> None:
        """Wait before the next attempt."""
        record = Retrying(
            endpoint=endpoint.name, tenant=self.tenant, attempt=attempt, delay=delay, error=type(error).__name__
        )
        notify(self._options.observers, record)
        if isinstance(error, RateLimited):  # the wait is in the limiter's queue, with everyone else
            return
        async with droppable(only_waits):
            await asyncio.sleep(delay)

    def _cool_down(self, endpoint: Endpoint[M], error: RateLimited, delay: float | None) -> None:
        """Let everyone in the scope of a refusal wait, whether or not this call tries again."""
        if delay is None:
            delay = min(error.retry_after or ADVISED, self._options.retry.longest_retry_after)
        narrow, broad = self._limits_of(endpoint)
        limiter = narrow if error.scope == "endpoint" else broad
        limiter.cool_down(delay)
        if error.limit is not None:
            limiter.lower(error.limit)
