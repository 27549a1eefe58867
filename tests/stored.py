"""What an archive holds, asked of its file."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any


def rows(path: Path, query: str) -> list[tuple[Any, ...]]:
    """Return what a query finds."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


def figures_of(path: Path, sql: str) -> dict[str, list[dict[str, Any]]]:
    """Run the SQL of a report as a person would, and return the rows of each figure by its name."""
    found = {}
    setup, *parts = sql.split("-- name: ")
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        connection.executescript(setup)
        for part in parts:
            name, _, statement = part.partition("\n")
            found[name.split()[0]] = [dict(row) for row in connection.execute(statement)]
    return found
