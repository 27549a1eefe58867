"""Which proxy the environment names for an address, if any."""

from __future__ import annotations

import asyncio
import copy
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import SplitResult, urlsplit
from urllib.request import getproxies, proxy_bypass
from weakref import WeakKeyDictionary

import attrs

from ..errors import ConfigError, TransportError
from ..redact import Secret, redact_url
from .trial import Trial

_LOCK = 900.0
"""Seconds for which a refused password isn't sent again."""

_SCHEMES = ("http", "https", "socks5", "socks5h")


@attrs.frozen
class Proxy:
    """A proxy. Its repr doesn't show its password.

    Attributes:
        url: its address, with user and password.
        shown: its address, without them.
        variable: the environment's name for it.
        signs_in: whether it is sent a user and a password.
    """

    url: Secret
    shown: str
    variable: str
    signs_in: bool


class SignIn:
    """Whether a proxy takes its password: one request at a time finds out, and a refusal holds for all.

    Directories lock an account after a few wrong passwords, whoever sends them.
    """

    def __init__(self) -> None:
        self._trial = Trial()
        self._refusal: TransportError | None = None
        self._refused_until = 0.0

    @asynccontextmanager
    async def attempt(self) -> AsyncIterator[None]:
        """Let a request through: one at a time until the password was accepted. Raise the refusal if it was refused."""
        self._check()
        async with self._trial.attempt():
            self._check()
            yield

    def accept(self) -> None:
        """Note that the proxy has passed a request on."""
        self._trial.is_accepted = True

    def refuse(self, refusal: TransportError) -> None:
        """Note that it has refused the password."""
        self._trial.is_accepted = False
        self._refusal, self._refused_until = refusal, time.monotonic() + _LOCK

    def _check(self) -> None:
        if self._refusal is not None and time.monotonic() < self._refused_until:
            raise copy.copy(self._refusal)


_sign_ins: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, SignIn]] = WeakKeyDictionary()


def sign_in_of(proxy: Proxy) -> SignIn:
    """Return what is known of a proxy's password in this event loop, by whichever client."""
    return _sign_ins.setdefault(asyncio.get_running_loop(), {}).setdefault(proxy.url, SignIn())


def is_loopback(url: str) -> bool:
    """Return whether the URL's host can only be this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def host_of(url: str) -> str:
    """Return host and port, as far as the URL has one."""
    return urlsplit(url).netloc.rpartition("@")[2]


def proxy_for(url: str) -> Proxy | None:
    """Return the proxy that the environment names for the URL's host, None for none.

    Raises ConfigError, naming the variable, for what is no address of a proxy. It isn't shown.
    """
    proxies = {name: Secret(address) for name, address in getproxies().items()}
    scheme = urlsplit(url).scheme
    name = scheme if proxies.get(scheme) else "all"
    address = proxies.get(name)
    if not address or is_loopback(url) or _is_excepted(url, proxies.get("no", "")):
        return None
    variable = f"{name.upper()}_PROXY"
    address = address if "://" in address else Secret(f"http://{address}")
    if not _is_address(address):
        raise ConfigError(
            f"{variable} is no address of a proxy, such as http://user:password@proxy.example.com:8080; "
            "in a password, write / as %2F, # as %23, ? as %3F and @ as %40; or unset it"
        )
    return Proxy(address, redact_url(address).rstrip("/"), variable, signs_in="@" in address)


def unusable(proxy: Proxy) -> ConfigError:
    """Return the error for a proxy that the library can't speak to."""
    return ConfigError(
        f"{proxy.variable} names {proxy.shown}, a kind of proxy that can't be used: pass an http:// proxy, or unset it"
    )


def _is_address(address: str) -> bool:
    """Return whether it can be a proxy's address. No local of this function outlives it: errors show none of it."""
    try:
        parts: SplitResult = urlsplit(address)
        port_is_valid = parts.port is None or parts.port > 0
        plain = not parts.query and not parts.fragment and parts.path in ("", "/")
        return parts.scheme in _SCHEMES and bool(parts.hostname) and port_is_valid and plain
    except ValueError:
        return False


def _is_excepted(url: str, exceptions: str) -> bool:
    """Return whether NO_PROXY, or the platform, excepts the URL's host: by name, address, or range of addresses."""
    host = urlsplit(url).hostname or ""
    try:
        address: IPv4Address | IPv6Address | None = ip_address(host)
    except ValueError:
        address = None
    for exception in exceptions.split(","):
        if address is not None and _is_in(address, exception.strip()):
            return True
    return any(map(proxy_bypass, (host_of(url), host)))


def _is_in(address: IPv4Address | IPv6Address, network: str) -> bool:
    try:
        return address in ip_network(network.partition("]")[0].removeprefix("["), strict=False)
    except ValueError:
        return False
