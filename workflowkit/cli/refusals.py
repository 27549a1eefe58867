"""Access keys that were refused of late, remembered from one command to the next.

Five wrong signatures in a row lock an access key for five minutes, and six commands are soon typed. What is stored is
a fingerprint of the key and a time, in a file beside the configuration that only its owner can read.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import AuthenticationError
from .folder import config_path

if TYPE_CHECKING:
    from ..secmaster import SecMasterClient

_LOCK = 300.0
"""Seconds that a lock lasts."""


@asynccontextmanager
async def open_secmaster(environ: Mapping[str, str] | None, **options: Any) -> AsyncIterator[SecMasterClient]:
    """Open a client. Raise AuthenticationError, before anything is sent, for a key that was refused a moment ago."""
    from ..secmaster import SecMasterClient

    client = SecMasterClient.from_env(environ, **options)
    key = _fingerprint(os.environ if environ is None else environ)
    refused_at = _refused().get(key, 0.0)
    left = refused_at + _LOCK - time.time()
    if 0 < left <= _LOCK:
        raise AuthenticationError(
            f"not sent: this access key and secret key were refused {_LOCK - left:.0f} s ago, and five wrong "
            f"signatures lock an access key: check both, or wait {left:.0f} s"
        )
    try:
        async with client:
            yield client
    except AuthenticationError as error:
        if key and error.attempts and str(error.endpoint).startswith("secmaster") and "clock" not in str(error.hint):
            _remember(key)
        raise


def _fingerprint(environ: Mapping[str, str]) -> str:
    """Return what tells a key from any other, and nothing else of it. It is empty without one."""
    parts = [environ.get(f"HUAWEICLOUD_SDK_{name}", "") for name in ("AK", "SK", "SECURITY_TOKEN")]
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest() if all(parts[:2]) else ""


def _path() -> Path:
    return config_path().with_name("refused-keys.json")


def _refused() -> dict[str, float]:
    """Return when each key was refused. Refusals of more than five minutes ago are left out."""
    try:
        found = json.loads(_path().read_text("utf-8"))
        now = time.time()
        return {key: at for key, at in found.items() if now - _LOCK < float(at) <= now}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def _remember(key: str) -> None:
    """Store that a key was refused now. Where that can't be stored, it isn't remembered."""
    path = _path()
    with suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.{os.getpid()}")
        descriptor = os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump({**_refused(), key: time.time()}, file)
        part.replace(path)
