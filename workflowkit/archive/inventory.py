"""The files of an archive, for people: how many there are, and where each is."""

from __future__ import annotations

from pathlib import Path

import attrs

from .connection import Connection

_RETRY = "UPDATE files SET state = 'pending', reason = NULL, wrong = 0 WHERE state = 'lost'"
_LIST = """
    SELECT system, tenant, instance_id, position, ordinal, name, link, state, reason, path,
        sha256, bytes
    FROM attachments
    ORDER BY CASE state WHEN 'lost' THEN 1 WHEN 'saved' THEN 3 ELSE 2 END, reason IS NULL, 1, 2, 3, 4, 5 LIMIT ?
"""
_COUNT, _COUNT_OF_TENANT = (
    f"SELECT state, count(*), coalesce(sum(bytes), 0), min(expires_at), count(reason) FROM files {where} GROUP BY state"
    for where in ("", "WHERE system = ? AND tenant = ?")
)


@attrs.frozen
class File:
    """One place of an archive that links to a file. Several may link to the same.

    Attributes:
        system: of that place, as are the next four.
        tenant: whose instance it is.
        instance_id: the instance.
        position: the log.
        ordinal: which of the log's attachments; -1 for its signature.
        name: its original name, or None for a signature.
        link: where it was, without the link's own signature.
        state: ``pending``, ``deferred`` to the next run, ``saved`` or ``lost``.
        reason: why it is lost or waits, or how it differs from what was announced.
        path: where it is.
        sha256: of its content, in hexadecimal.
        bytes: its size.
    """

    system: str
    tenant: str
    instance_id: str
    position: int
    ordinal: int
    name: str | None
    link: str
    state: str
    reason: str | None
    path: str | None
    sha256: str | None
    bytes: int | None


@attrs.frozen(kw_only=True)
class FileCounts:
    """How many files of an archive are saved, waiting and lost.

    Attributes:
        saved: files that are there.
        bytes: how large those are together.
        differing: how many of them aren't as announced. `reason` says how.
        waiting: files that are to be saved.
        lost: files that can't be had any more. `reason` says why.
        next_deadline: when the first link of those that wait expires, as UTC text, or None if none does.
    """

    saved: int = 0
    bytes: int = 0
    differing: int = 0
    waiting: int = 0
    lost: int = 0
    next_deadline: str | None = None


def count_files(connection: Connection, system: str | None, tenant: str | None) -> FileCounts:
    """Return how many files there are in each state, of one tenant or of all."""
    found = connection.execute(_COUNT) if system is None else connection.execute(_COUNT_OF_TENANT, (system, tenant))
    states = {state: row for state, *row in found}
    saved, size, _, differing = states.get("saved", (0, 0, None, 0))
    waiting, _, deadline, _ = states.get("pending", (0, 0, None, 0))
    deferred, _, later, _ = states.get("deferred", (0, 0, None, 0))
    lost, *_ = states.get("lost", (0,))
    return FileCounts(
        saved=saved,
        bytes=int(size),
        differing=differing,
        waiting=waiting + deferred,
        lost=lost,
        next_deadline=min(filter(None, (deadline, later)), default=None),
    )


def retry_lost(connection: Connection) -> int:
    """Let lost files be tried again. Return how many that are."""
    return connection.execute(_RETRY).rowcount


def list_files(connection: Connection, archive: Path, most: int) -> list[File]:
    """Return the places that link to files, or the first so many: what is lost first, what waits, what is saved."""
    found = [File(*row) for row in connection.execute(_LIST, (most,))]
    return [attrs.evolve(file, path=file.path and str(archive.parent / file.path)) for file in found]
