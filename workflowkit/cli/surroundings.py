"""What this machine must have for the rest to work: certificates, SQLite, and a disk that can lock files."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

from .._http.tls import tls_context, trusted
from ..archive.sqlite import check_sqlite, connect, disconnect
from ..errors import WorkflowKitError

_MOUNTS = Path("/proc/mounts")
_SHARES = ("nfs", "cifs", "smb", "9p", "vboxsf", "fuse.sshfs", "afs", "ceph", "gluster", "lustre", "prl_fs", "drvfs")
"""What the types of file systems begin with that are shared between machines."""

Finding = tuple[str, bool, str]


def certificates() -> Finding:
    """Return whether the trusted certificates can be read."""
    named = trusted()
    where = "certifi" if named is None else f"{named[0]}={named[1]}"
    try:
        tls_context()
    except WorkflowKitError as error:
        return "certificates", False, str(error)
    return "certificates", True, f"of {where}"


def sqlite_version() -> Finding:
    """Return whether SQLite is new enough."""
    try:
        check_sqlite()
    except WorkflowKitError as error:
        return "SQLite", False, str(error)
    return "SQLite", True, sqlite3.sqlite_version


def disk_of(archive: Path) -> Iterator[Finding]:
    """Yield whether archives can be made in the folder: one is made there, written to, and removed."""
    folder = archive.absolute().parent
    kind = _kind_of(folder)
    share = ", a network share: keep archives on a local disk" if kind.startswith(_SHARES) else ""
    try:
        with tempfile.TemporaryDirectory(prefix=".workflowkit-doctor-", dir=folder) as scratch:
            disconnect(connect(Path(scratch) / "scratch.db", create=True))
    except WorkflowKitError as error:
        yield "disk", False, f"{str(error).partition(': ')[2]}{share}"
    except OSError as error:
        yield "disk", False, f"can't be written to ({error.strerror})"
    else:
        yield "disk", not share, f"{kind or 'unknown'}: files can be made and locked{share}"


def _kind_of(folder: Path) -> str:
    """Return the type of the file system that a folder is on. It is empty where the system doesn't say."""
    try:
        mounts = [line.split() for line in _MOUNTS.read_text("utf-8", "replace").splitlines()]
    except OSError:
        return ""
    places = [(Path(mount[1]), mount[2]) for mount in mounts if len(mount) > 2]
    on = [(len(place.parts), kind) for place, kind in places if folder.resolve().is_relative_to(place)]
    return max(on, default=(0, ""))[1]
