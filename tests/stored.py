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
