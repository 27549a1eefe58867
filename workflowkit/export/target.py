"""Where an export goes: a file that appears when it is complete, a pipe, or stdout."""

from __future__ import annotations

import asyncio
import os
import stat
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from ..errors import ConfigError, HarvestError


def resolve(to: str, archive: Path) -> Path:
    """Return where links lead. The archive itself is refused."""
    target = Path(os.path.realpath(to))
    if target == Path(os.path.realpath(archive)):
        raise ConfigError(f"{to}: is the archive itself; name another file")
    return target


@asynccontextmanager
async def opened(target: Path | None) -> AsyncIterator[BinaryIO]:
    """Yield the stream to write to. None is stdout."""
    if target is None:
        if sys.stdout is None:
            raise HarvestError("stdout is closed: name a file")
        try:
            yield sys.stdout.buffer
            await asyncio.to_thread(sys.stdout.flush)
        except BrokenPipeError:  # whoever reads has had enough
            raise
        except OSError as error:
            raise HarvestError(f"can't write to stdout ({error.strerror})") from None
        return
    # A pipe or a device can only be written as it is. A file is replaced when the new one is complete.
    part: Path | None = None
    try:
        creating = asyncio.ensure_future(asyncio.to_thread(_create, target))
        try:
            stream, part = await asyncio.shield(creating)
        except asyncio.CancelledError:  # a thread is still making the file
            await asyncio.wait((creating,))
            stream, part = creating.result()
            await asyncio.to_thread(stream.close)
            raise
        try:
            yield stream
        finally:
            await asyncio.to_thread(stream.close)
        if part is not None:
            await asyncio.to_thread(part.replace, target)
            part = None
    except OSError as error:
        raise HarvestError(f"{target}: can't be written ({error.strerror}); choose another place") from error
    finally:
        if part is not None:
            with suppress(OSError):
                await asyncio.to_thread(part.unlink, missing_ok=True)


def _create(target: Path) -> tuple[BinaryIO, Path | None]:
    """Return the stream to write to, and the temporary file's path: None for a target that can't be replaced.

    The file beside the target has a name that nobody can know beforehand. It gets owner and rights of the file that
    it is to replace. A new one is its owner's only.
    """
    try:
        there = target.stat()
    except FileNotFoundError:
        there = None
    if there is not None and not stat.S_ISREG(there.st_mode):
        return os.fdopen(os.open(target, os.O_WRONLY), "wb"), None
    descriptor, name = tempfile.mkstemp(prefix=f"{target.name}.", suffix=".part", dir=target.parent)
    if there is not None:
        with suppress(OSError, AttributeError):  # not on Windows, and not for everybody
            os.fchown(descriptor, there.st_uid, there.st_gid)
        with suppress(OSError, AttributeError):
            os.fchmod(descriptor, stat.S_IMODE(there.st_mode))
    return os.fdopen(descriptor, "wb"), Path(name)
