"""The options of a client: spelled once, with their defaults and what can't be."""

from __future__ import annotations

import math
import re
import ssl
from collections.abc import Sequence
from typing import Literal, TypedDict
from urllib.parse import urlsplit

import attrs

from ._http import is_loopback
from .errors import ConfigError
from .ratelimit.limiter import check_rate
from .redact import redact_url
from .retry import RetryPolicy
from .telemetry import Observer

_URL = re.compile(
    r"https?://(?:[\w.-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,4}|:[1-5]\d{4}|:6[0-4]\d{3}|:65[0-5]\d\d)?(?:/[^\s?#]*)?",
    re.ASCII,
)
"""Scheme, host, port and path: neither user, query, fragment nor blanks."""

Rate = float | Literal["default"] | None
"""Requests per second for the tenant. ``"default"`` is what its client's docstring says, None no limit."""


class ClientOptions(TypedDict, total=False):
    """The options that every client takes. A client's docstring explains them."""

    rate: Rate
    timeout: float
    max_wait: float | None
    insecure_http: bool
    transport: str
    ssl_context: ssl.SSLContext | None
    retry: RetryPolicy | None
    observers: Sequence[Observer]


def _or_default(policy: RetryPolicy | None) -> RetryPolicy:
    return policy or RetryPolicy()


def _as_tuple(observers: Sequence[Observer]) -> Sequence[Observer]:
    return tuple(observers)


@attrs.frozen(kw_only=True)
class Options:
    """The options of one client, with defaults. Times are in seconds.

    Attributes:
        base_url: address of the API. ``https``, or ``http`` on this machine.
        tenant: owner of the rate limit. Clients of one tenant share their limits within a process.
        default_rate: the documented rate of a tenant, or our choice where there is none.
        vendor_host: whether the base URL is the vendor's own.
    """

    base_url: str
    tenant: str
    default_rate: float
    vendor_host: bool
    rate: Rate = "default"
    timeout: float = 30.0
    max_wait: float | None = None
    insecure_http: bool = False
    transport: str = "auto"
    ssl_context: ssl.SSLContext | None = None
    retry: RetryPolicy = attrs.field(default=None, converter=_or_default)
    observers: Sequence[Observer] = attrs.field(default=(), converter=_as_tuple)

    def check(self, address: str = "base_url") -> None:
        """Raise ConfigError, naming the value and the way out, if a client can't work so."""
        parts = urlsplit(self.base_url) if _URL.fullmatch(self.base_url) else None
        if parts is None:
            shown = redact_url(self.base_url)
            raise ConfigError(f"{address}={shown!r}: pass a URL such as https://api.example.com, nothing else in it")
        if parts.scheme == "http" and not (is_loopback(self.base_url) or self.insecure_http):
            raise ConfigError(
                f"{address}={self.base_url!r}: over http anyone on the way can read the credentials; "
                "use https, or allow it with insecure_http=True (--insecure-http)"
            )
        if not self.tenant:
            raise ConfigError("tenant: pass a name, or leave it out")
        if self.rate != "default":
            check_rate(self.rate)
        for name, seconds in (("timeout", self.timeout), ("max_wait", self.max_wait)):
            if seconds is not None and not (isinstance(seconds, (int, float)) and seconds > 0):
                raise ConfigError(f"{name}={seconds!r}: pass seconds above 0, as a number")

    def tenant_rate(self) -> float | None:
        """Return the tenant's requests per second, None for no limit."""
        return self.default_rate if self.rate == "default" else self.rate

    def endpoint_rate(self, documented: float | None) -> float | None:
        """Return an endpoint's requests per second, None for no limit, infinity for none that is known."""
        if self.rate == "default":
            return math.inf if documented is None else documented
        if self.rate is None or documented is None or not self.vendor_host:
            return self.rate
        return min(documented, self.rate)
