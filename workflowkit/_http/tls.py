"""Which certificates are trusted: those of certifi, or those that the environment names instead."""

from __future__ import annotations

import os
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx

from ..errors import ConfigError

_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""Each names a file of certificates in PEM form, or a folder of them. The first one that is set wins."""

_lock = threading.Lock()
_contexts: dict[tuple[str, str] | None, ssl.SSLContext] = {}


def tls_context() -> ssl.SSLContext:
    """Return the process's one TLS context. Reading the trusted certificates takes a while.

    Raises ConfigError, naming the variable, for certificates that can't be read.
    """
    named = trusted()
    with _lock:
        if named not in _contexts:
            _contexts[named] = httpx.create_ssl_context() if named is None else _context_of(*named)
        return _contexts[named]


def trusted() -> tuple[str, str] | None:
    """Return the variable that names the trusted certificates, and its value, or None if none does."""
    return next(((name, value) for name in _VARIABLES if (value := os.environ.get(name))), None)


def _context_of(variable: str, path: str) -> ssl.SSLContext:
    try:
        if Path(path).is_dir():
            context = ssl.create_default_context(capath=path)
        else:
            context = ssl.create_default_context(cafile=path)
    except OSError as error:  # an SSLError is one
        reason = "it holds no certificate" if isinstance(error, ssl.SSLError) else error.strerror
        problem = f"{variable}={path!r}: can't be read as certificates ({reason})"
        raise ConfigError(f"{problem}; name a PEM file with certificates, or unset it") from None
    # Python 3.13 asks more of certificates than many a company's own fulfil. Whoever names them vouches for them.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def certificate_problem(error: BaseException) -> str | None:
    """Return why a certificate isn't trusted, and what to do, or None if that isn't what the error is about."""
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError) and (reason := getattr(cause, "verify_message", "")):
            return (
                f"its certificate isn't trusted ({reason}); where a company's network "
                "inspects TLS, set SSL_CERT_FILE (or REQUESTS_CA_BUNDLE) to a PEM file with its certificates, or pass "
                "ssl_context="
            )
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    seen = 0
    while cause is not None and seen < 10:
        yield cause
        cause = getattr(cause, "certificate_error", None) or cause.__cause__ or cause.__context__
        seen += 1
