"""An archive in SQLite: how its file is opened and closed, and what the database's complaints mean."""

from __future__ import annotations

import errno
import logging
import os
import sqlite3
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from ..errors import HarvestError
from .tables import TABLES, VERSION, Type
from .tables import create as create_tables

T = TypeVar("T")

_log = logging.getLogger("workflowkit")

TYPES = {Type.TEXT: "TEXT", Type.INTEGER: "BIGINT", Type.BOOLEAN: "BOOLEAN", Type.TIME: "TEXT", Type.JSON: "TEXT"}
"""What SQLite calls each type. Times are UTC text."""

APPLICATION_ID = 0x776B6974  # "wkit"
"""Marks a SQLite file as one of ours."""

_LEAST_SQLITE = (3, 35, 0)
"""The oldest version that is supported."""

PATIENCE = 60.0
"""Seconds for which a lock of another program is waited for."""

_TRY = 5.0
"""Seconds of one try."""

_TEMPORARY = ("/var/tmp", "/usr/tmp", "/tmp", ".")  # noqa: S108
"""Where SQLite looks for a folder for temporary data, if no variable names one."""

_STATEMENTS = 1024
"""Compiled statements that are kept: one for each table and number of rows."""


def connect(path: Path, *, create: bool) -> sqlite3.Connection:
    """Open the archive and check that it is one. Raises HarvestError saying what it is instead.

    Without `create` it is opened for reading only, and nothing is changed.
    """
    check_sqlite()
    path = Path(os.path.realpath(path))  # what a link leads to is created with rights of our own
    try:
        if create and not path.exists():
            _create_file(path)
        elif not path.is_file():
            is_there = path.exists()
            reason = "is a folder; name a file in it" if is_there else "there is no archive here; a harvest makes one"
            raise HarvestError(f"{path}: {reason}")
    except OSError as error:
        raise HarvestError(f"{path}: can't be reached ({error.strerror})") from None
    try:
        connection = _open_writer(path) if create else open_reader(path)
    except sqlite3.Error as error:
        raise HarvestError(f"{path}: {explain(error, path)}") from error
    try:
        patiently(path, lambda: _check(connection, path, create=create))
        if create:
            patiently(path, lambda: connection.execute("PRAGMA journal_mode = WAL"))
            connection.execute("PRAGMA synchronous = NORMAL")
    except sqlite3.Error as error:
        connection.close()
        raise HarvestError(f"{path}: {explain(error, path)}") from error
    except HarvestError:
        connection.close()
        raise
    return connection


def check_sqlite() -> None:
    """Raise HarvestError for a SQLite that is too old."""
    if sqlite3.sqlite_version_info < _LEAST_SQLITE:
        least = ".".join(map(str, _LEAST_SQLITE))
        raise HarvestError(f"this Python has SQLite {sqlite3.sqlite_version}, but archives need {least} or newer")


def _open_writer(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, timeout=_TRY, cached_statements=_STATEMENTS)
    _prepare_temporary_data(connection)
    return connection


def open_reader(path: Path) -> sqlite3.Connection:
    """Return a connection that can't change the file, nor make one.

    SQLite can't read an archive that was left open by a harvest where it can't write beside it. If nothing is left to
    be read there, the file alone is whole, and is read so.
    """
    path = Path(os.path.realpath(path))
    connection = _open(f"{path.as_uri()}?mode=ro")
    try:
        connection.execute("PRAGMA schema_version").fetchone()
    except sqlite3.OperationalError:
        log = Path(f"{path}-wal")
        if os.access(path.parent, os.W_OK) or not os.access(path, os.R_OK) or (log.exists() and log.stat().st_size):
            return connection  # the first query says what is wrong
        connection.close()
        connection = _open(f"{path.as_uri()}?immutable=1")
    return connection


def _open(uri: str) -> sqlite3.Connection:
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=_TRY, check_same_thread=False)
    _prepare_temporary_data(connection)
    return connection


def _prepare_temporary_data(connection: sqlite3.Connection) -> None:
    """Keep temporary data in memory where there is no folder for it, as in a container that is read-only."""
    named = [os.environ[name] for name in ("SQLITE_TMPDIR", "TMPDIR") if os.environ.get(name)]
    folders = [*named, *_TEMPORARY]
    if os.name == "posix" and not any(os.access(folder, os.W_OK | os.X_OK) for folder in folders):
        connection.execute("PRAGMA temp_store = MEMORY")


def patiently(path: Path, action: Callable[[], T], *, is_over: Callable[[], bool] = bool) -> T:
    """Return what the action returns. While another program holds a lock, try again for up to a minute, saying so.

    Args:
        path: the archive.
        action: what to try. It has done nothing when it finds the archive locked.
        is_over: whether to wait no longer.
    """
    began = time.monotonic()
    said = False
    while True:
        try:
            return action()
        except sqlite3.OperationalError as error:
            waited = time.monotonic() - began
            if not _is_locked(error) or waited > PATIENCE or is_over():
                raise
            if waited >= _TRY and not said:
                _log.warning("%s: another program holds a lock on it; waiting for up to a minute", path)
                said = True
            time.sleep(0.05)


def _is_locked(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def disconnect(connection: sqlite3.Connection) -> None:
    """Close a connection that writes, and leave the archive as one file that can be read without traces.

    While somebody else has it open, its write-ahead log stays. The last to close it takes it away.
    """
    with suppress(sqlite3.Error):
        connection.execute("PRAGMA busy_timeout = 0")
        connection.execute("PRAGMA journal_mode = DELETE")
    connection.close()


def _create_file(path: Path) -> None:
    """Create it empty and for its owner only: an archive holds what people wrote about people."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        pass
    except OSError as error:
        raise HarvestError(f"{path}: can't be created ({error.strerror}); choose a folder you can write to") from error


def _check(connection: sqlite3.Connection, path: Path, *, create: bool) -> None:
    connection.execute("BEGIN IMMEDIATE" if create else "BEGIN")
    (ours,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if create and not tables and not ours:
        for statement in create_tables(TYPES):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    elif ours != APPLICATION_ID:
        raise HarvestError(f"{path}: a SQLite database, but not an archive of workflowkit; choose another path")
    elif version != VERSION or not _has_columns(connection):
        written = f"version {version}" if version != VERSION else "a development version"
        raise HarvestError(
            f"{path}: an archive of {written}, but this workflowkit reads version {VERSION}; "
            "use the release that wrote it, or harvest into a new path"
        )
    if create and version != VERSION:
        connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")


def _has_columns(connection: sqlite3.Connection) -> bool:
    """Return whether the tables have all columns. Archives of development versions have the same number."""
    for table in TABLES:
        found = {column for _, column, *_ in connection.execute(f"PRAGMA table_info({table.name})")}
        if not {column.name for column in table.columns} <= found:
            return False
    return True


def explain(error: sqlite3.Error, path: Path) -> str:
    """Say what the database's complaint means and what to do."""
    text = str(error)
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith("SQLITE_IOERR_SHM") or (_is_locked(error) and not _can_lock(path.parent)):
        return _NO_LOCKS
    if name.startswith("SQLITE_CANTOPEN") and Path(f"{path}-wal").exists() and not os.access(path.parent, os.W_OK):
        return _LEFT_OPEN
    for sign, meaning in _MEANINGS.items():
        if sign in text:
            return meaning
    return f"the database says: {text}"


_MEANINGS: Mapping[str, str] = {
    "file is not a database": "not a database; choose another path",
    "disk is full": "the disk is full; free some space and run the same command again, what is stored is safe",
    "database is locked": "another program holds a lock on it, such as another harvest, or a database browser with an "
    "open query or transaction; end that, then run the same command again",
    "disk I/O error": "the disk reports an error; check the disk, what was stored before is safe",
    "readonly database": "it can't be written to; check the permissions of the file and its folder",
    "unable to open": "it can't be opened; check the permissions of the file and its folder",
}


_NO_LOCKS = (
    "its disk can't lock files or share memory, as many network shares can't: put the archive on a local disk, and "
    "copy it when the harvest has ended"
)
_LEFT_OPEN = (
    "a harvest that is running, or was killed, has left a part of it in the file beside it that ends in -wal, which "
    "can't be read from a folder that can't be written to; copy both files to another folder"
)


def _can_lock(folder: Path) -> bool:
    """Return whether files in the folder can be locked. Tried with a file of its own, since closing one unlocks it."""
    try:
        import fcntl  # noqa: PLC0415  # not there on Windows

        with tempfile.TemporaryFile(dir=folder) as file:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except ImportError:
        return True
    except OSError as error:
        return error.errno != errno.ENOLCK
    return True
