"""What the archive asks of a database: statements with parameters, inside a transaction.

The connections of `sqlite3` are such connections as they are. There is one wording of each statement, which SQLite and
PostgreSQL both take. Every parameter is a ``?``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, Protocol

_MOST_ROWS = 100
"""Rows in one statement: a page of logs. One for each number of rows is compiled, and kept."""


class Cursor(Protocol):
    """The rows that a statement has found, and how many it has changed."""

    @property
    def rowcount(self) -> int:
        """How many rows were changed."""

    def fetchone(self) -> Any:
        """Return the next row, None at the end."""

    def fetchall(self) -> list[Any]:
        """Return all rows."""

    def __iter__(self) -> Iterator[Any]:
        """Yield each row."""


class Connection(Protocol):
    """What statements run on."""

    def execute(self, statement: str, parameters: Sequence[Any] = ..., /) -> Cursor:
        """Run a statement."""

    def executemany(self, statement: str, parameters: Sequence[Sequence[Any]], /) -> object:
        """Run a statement once for each of the parameters."""

    def commit(self) -> None:
        """Store what was written since the transaction began."""

    def rollback(self) -> None:
        """Undo what was written since the transaction began, if one is open."""


def insert_statement(into: str, width: int, rows: int = 1, on_conflict: str = "") -> str:
    """Return the statement that inserts so many rows of so many values."""
    row = f"({', '.join('?' * width)})"
    return f"{into} VALUES {', '.join([row] * rows)} {on_conflict}"


def insert(connection: Connection, into: str, rows: Sequence[Sequence[Any]], on_conflict: str = "") -> None:
    """Insert rows, many in one statement: each takes and gives back Python's lock, which the event loop wants."""
    for start in range(0, len(rows), _MOST_ROWS):
        some = rows[start : start + _MOST_ROWS]
        statement = insert_statement(into, len(some[0]), len(some), on_conflict)
        connection.execute(statement, list(chain.from_iterable(some)))
