"""A folder of files, named by what is in them: nothing that a server says becomes a path.

Each is written as ``parts/*.part``, synced to disk, and renamed. So what has its final name is whole,
and a content that comes twice is there once. Everything here blocks: call it in a thread.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import stat
from pathlib import Path
from typing import Self

import attrs

from ..errors import ConfigError, HarvestError
from .etag import Etag

_PIECE = 1 << 20
_MEGABYTE = 1 << 20
_CANNOT_SYNC = frozenset({errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EBADF, errno.EACCES})
"""What file systems answer that don't sync folders."""

_OPEN = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


@attrs.frozen
class StoredFile:
    """A file in the folder.

    Attributes:
        sha256: of its content, in hexadecimal. It is the file's name as well.
        bytes: its size.
        path: where it is.
    """

    sha256: str
    bytes: int
    path: Path


class FileStore:
    """Where a harvest saves files, and what it takes.

    Args:
        directory: the folder. It is created if need be, for its owner only.
        hosts: hosts that links may lead to, besides the vendor's own: exact names, with ``:port`` if it
            isn't https on its usual port.
        concurrency: files in flight at once.
        largest: bytes. A larger file isn't saved.
        reserve: bytes that are left free on the disk: a harvest ends before it uses them.
        timeout: seconds for one file. When they are over it continues later, where the host can do that.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        *,
        hosts: tuple[str, ...] = (),
        concurrency: int = 8,
        largest: int = 1 << 30,
        reserve: int = 256 << 20,
        timeout: float = 900.0,
    ) -> None:
        for name, value in (("concurrency", concurrency), ("largest", largest), ("timeout", timeout)):
            if value <= 0:
                raise ConfigError(f"{name}={value!r}: pass a number above 0")
        for host in hosts:
            if not host or set(host) & set("/@?# "):
                raise ConfigError(f"host {host!r}: pass a name such as files.example.com, or name:port")
        self.directory: Path = Path(directory).absolute()
        self.hosts: tuple[str, ...] = tuple(host.removesuffix(":443") for host in hosts)
        self.concurrency: int = concurrency
        self.largest: int = largest
        self.reserve: int = reserve
        self.timeout: float = timeout

    @classmethod
    def of(cls, given: FileStore | str | os.PathLike[str]) -> FileStore:
        """Return the store, or one with all else as it comes at the path."""
        return given if isinstance(given, FileStore) else cls(given)

    def make_room(self, size: int) -> None:
        """Raise HarvestError if so many bytes leave too little room on the disk."""
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            free = shutil.disk_usage(self.directory).free
        except OSError as error:
            raise self.explain(error) from None
        if free - size < self.reserve:
            raise HarvestError(
                f"{self.directory}: only {free // _MEGABYTE:,} MB are free, and {self.reserve // _MEGABYTE:,} are to "
                "stay so; make room and run the same command again, what is saved is safe"
            )

    def part(self, identity: str) -> PartialFile:
        """Return where a file is written until it is whole: a place for each identity, which two must not share."""
        return PartialFile(self.directory, hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()[:32])

    def explain(self, error: OSError) -> HarvestError:
        """Return what an error of the file system means to who runs a harvest."""
        return HarvestError(
            f"{self.directory}: can't be written ({error.strerror or error}); "
            "fix that and run the same command again, what is saved is safe"
        )


class PartialFile:
    """A file that isn't whole yet."""

    def __init__(self, directory: Path, name: str) -> None:
        self._directory = directory
        self._path = directory / "parts" / f"{name}.part"
        self._file: int | None = None
        self.size: int = 0
        self._hash = hashlib.sha256()
        self._etag = Etag()

    def open(self, *, resume: bool) -> Self:
        """Open it, with what an earlier try has left or without. `size` is how much that is."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        _make_folder(self._path.parent)
        self._file = os.open(self._path, _OPEN, 0o600)
        if not stat.S_ISREG(os.fstat(self._file).st_mode):
            raise OSError(f"{self._path} isn't a regular file")
        if resume:
            while piece := os.read(self._file, _PIECE):
                self._take(piece)
        else:
            self.restart()
        return self

    def restart(self) -> None:
        """Drop what there is."""
        os.ftruncate(self._opened, 0)
        os.lseek(self._opened, 0, os.SEEK_SET)
        self.size, self._hash, self._etag = 0, hashlib.sha256(), Etag()

    def write(self, data: bytes) -> None:
        """Append bytes."""
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._opened, rest) :]
        self._take(data)

    @property
    def etag(self) -> str:
        """The name that Qiniu gives to what there is."""
        return self._etag.name()

    def keep(self) -> StoredFile:
        """Give it its final name, for good. Whatever was there under that name is replaced."""
        sha256 = self._hash.hexdigest()
        folder = self._directory / sha256[:2]
        os.fsync(self._opened)
        self.close()
        if _make_folder(folder):
            _sync_folder(self._directory)
        self._path.replace(folder / sha256)
        _sync_folder(folder)
        return StoredFile(sha256, self.size, folder / sha256)

    def discard(self) -> None:
        """Remove it."""
        self.close()
        self._path.unlink(missing_ok=True)

    def close(self) -> None:
        """Close it. What was written stays, for another try."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    @property
    def _opened(self) -> int:
        if self._file is None:
            raise ValueError("not open")
        return self._file

    def _take(self, data: bytes) -> None:
        self.size += len(data)
        self._hash.update(data)
        self._etag.update(data)


def hash_of(path: Path) -> str | None:
    """Return the SHA-256 of a file's content in hexadecimal, None if there is no such file, "" if it can't be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return None
    except OSError:
        return ""


def _make_folder(path: Path) -> bool:
    """Make a folder within the tree, if need be. A link in its place would lead out of it, and is an error."""
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        if path.is_symlink() or not path.is_dir():
            raise OSError(f"{path} isn't a folder, or a symbolic link to one; remove it") from None
        return False
    return True


def _sync_folder(path: Path) -> None:
    """See to it that a rename survives a power cut, where the file system can: network shares refuse it."""
    if os.name != "posix":
        return
    try:
        folder = os.open(path, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        if error.errno not in _CANNOT_SYNC:
            raise
