from __future__ import annotations

import asyncio
import errno
import os
import sqlite3
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone

import attrs
import pytest
from given import begun, log_row, put

from workflowkit import Archive, ConfigError, HarvestError
from workflowkit.archive.sqlite import explain
from workflowkit.archive.tables import TABLE_OF, VERSION, columns
from workflowkit.archive.values import adapt
from workflowkit.archive.writer import Writer
from workflowkit.source import Chunk, InstanceRef, LogRow

ROW = log_row(
    create_time=datetime(2024, 1, 9, 11, 16, 35, 447_000, tzinfo=timezone(timedelta(hours=8))),
    operator_username="u",
    operator_name="n",
    comment="fine",
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.db"


async def test_the_file_is_its_owners_only(path):
    async with Archive.open(path) as archive:
        await put(archive)
        modes = {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert modes == {0o600}


async def test_at_rest_it_is_one_file_and_a_reader_does_not_hold_up_the_end(path):
    async with Archive.open(path) as archive:
        await put(archive, "i", ROW)
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    async with Archive.open(path, create=False) as reader, Archive.open(path) as archive:
        await put(archive, "j", ROW)
        assert (await reader.counts()).done == 2
    async with Archive.open(path) as archive:
        assert (await archive.counts()).done == 2
    assert [file.name for file in path.parent.iterdir()] == [path.name]


async def test_tables_are_as_the_rows_say(path):
    async with Archive.open(path):
        connection = sqlite3.connect(path)
        for row, table in TABLE_OF.items():
            names = {column[1] for column in connection.execute(f"PRAGMA table_info({table})")}
            assert set(columns(row)) < names
        connection.close()


async def test_the_tables_are_those_the_design_names(path):
    async with Archive.open(path):
        connection = sqlite3.connect(path)
        made = {
            name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')")
        }
        connection.close()
    assert made == {"instances", "logs", "nodes", "tasks", "links", "files", "attachments", "harvests", "events"} | {
        "harvest_lock",
        "unread",
        "records",
        "forms",
        "fields",
    }


async def test_times_are_utc_text_and_events_are_of_instances_that_are_done(path):
    async with Archive.open(path) as archive:
        await put(archive, "i", ROW, kinds=(LogRow,))
        ((names, (row,)),) = [chunk async for chunk in archive.read("events")]
        assert dict(zip(names, row, strict=True)) == {
            "system": "jodoo",
            "tenant": "t",
            "case_id": "i",
            "position": 0,
            "activity": "Review",
            "start_time": "2024-01-09T03:16:35.447Z",
            "end_time": None,
            "resource": "n",
            "outcome": None,
            "lifecycle": "start",
            "origin": "logs",
            "resource_id": "u",
            "flow_id": 1,
            "create_action": "forward",
            "workflow": None,
        }
        again = await begun(archive, refresh=True, kinds=(LogRow,))
        await again.enqueue(Chunk(refs=[InstanceRef(id="i")]), last=True)
        await again.fail("i", "gone")
        assert [chunk async for _, chunk in archive.read("events")] == [[]]


async def test_storing_again_replaces(path):
    async with Archive.open(path) as archive:
        await put(archive, "i", ROW, attrs.evolve(ROW, position=1))
        await put(archive, "i", attrs.evolve(ROW, comment="changed"))
        ((names, chunk),) = [each async for each in archive.read("logs")]
        assert [row[names.index("comment")] for row in chunk] == ["changed"]
        assert (await archive.counts()).logs == 1


async def test_a_failed_job_undoes_itself_and_spares_its_group(path):
    async with Archive.open(path) as archive:
        results = await asyncio.gather(
            put(archive, "a", ROW),
            put(archive, "b", ROW, ROW),
            put(archive, "c", ROW),
            return_exceptions=True,
        )
        assert [type(result) for result in results] == [type(None), HarvestError, type(None)]
        counts = await archive.counts()
        assert (counts.done, counts.pending, counts.logs) == (2, 1, 2)


async def test_reading_shows_one_moment_even_while_written_to(path):
    async with Archive.open(path) as archive:
        await put(archive, "i", *(attrs.evolve(ROW, position=n) for n in range(2500)))
        seen = 0
        async for _, chunk in archive.read("logs"):
            seen += len(chunk)
            await put(archive, f"x{seen}", ROW)
        assert seen == 2500


async def test_unknown_tables_are_named(path):
    async with Archive.open(path) as archive:
        with pytest.raises(ConfigError, match="table 'users': choose one of instances, logs"):
            await anext(archive.read("users"))


def _other_database(path):
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE songs (title)")
    connection.close()


def _other_version(path):
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA application_id = {0x776B6974}")
    connection.execute("PRAGMA user_version = 7")
    connection.execute("CREATE TABLE instances (id)")
    connection.close()


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        (lambda path: path.write_text("dear diary " * 100), "not a database"),
        (lambda path: path.mkdir(), "is a folder; name a file in it"),
        (_other_database, "not an archive of workflowkit"),
        (_other_version, f"an archive of version 7, but this workflowkit reads version {VERSION}"),
    ],
)
async def test_what_is_no_archive_is_told_from_one_and_left_alone(path, prepare, message):
    prepare(path)
    before = None if path.is_dir() else path.read_bytes()
    with pytest.raises(HarvestError, match=message) as caught:
        async with Archive.open(path):
            pass
    assert str(path) in str(caught.value)
    assert path.is_dir() or path.read_bytes() == before


async def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(HarvestError, match="No such file or directory"):
        async with Archive.open(tmp_path / "no" / "a.db"):
            pass


async def test_reading_commands_make_no_file(path):
    with pytest.raises(HarvestError, match="there is no archive here"):
        async with Archive.open(path, create=False):
            pass
    assert not path.exists()


async def test_an_archive_that_was_not_entered_says_so(path):
    with pytest.raises(HarvestError, match="not open; use it as"):
        await Archive.open(path).counts()
    assert not path.exists()


async def test_rows_come_in_the_same_order_whatever_order_they_were_stored_in(path):
    async with Archive.open(path) as archive:
        for instance_id in ("b", "a", "c"):
            await put(archive, instance_id, attrs.evolve(ROW, position=1), ROW)
        for table in ("logs", "events"):
            ((_, chunk),) = [each async for each in archive.read(table)]
            assert [row[2:4] for row in chunk] == [(each, n) for each in "abc" for n in (0, 1)]


def test_urls_are_refused_without_their_password():
    with pytest.raises(HarvestError, match="pass a path") as caught:
        Archive.open("postgresql://me:secret@host/db")
    assert "secret" not in str(caught.value)


async def test_an_empty_file_becomes_an_archive(path):
    path.touch()
    async with Archive.open(path) as archive:
        assert (await archive.counts()).done == 0


async def test_a_full_disk_stops_cleanly(path):
    async with Archive.open(path) as archive:
        await put(archive, "first", ROW)
        await archive.database.transact(lambda connection: connection.execute("PRAGMA max_page_count = 1"))
        big = attrs.evolve(ROW, raw=b"x" * 100_000)
        with pytest.raises(HarvestError, match="the disk is full; free some space and run the same command again"):
            await put(archive, "second", big)
    async with Archive.open(path) as archive:
        counts = await archive.counts()
    assert (counts.done, counts.logs) == (1, 1)


LOCKED = (
    "another program holds a lock on it, such as another harvest, or a database browser with an open query or "
    "transaction; end that, then run the same command again"
)


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr("workflowkit.archive.sqlite.PATIENCE", 0.3)


async def test_a_lock_of_another_program_is_waited_for(path, monkeypatch, caplog):
    monkeypatch.setattr("workflowkit.archive.sqlite._TRY", 0.1)
    async with Archive.open(path) as archive:
        other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        other.execute("BEGIN IMMEDIATE")
        asyncio.get_running_loop().call_later(1.0, other.execute, "ROLLBACK")
        await put(archive)
        other.close()
    assert [record.getMessage() for record in caplog.records] == [
        f"{path}: another program holds a lock on it; waiting for up to a minute"
    ]


async def test_whoever_closes_does_not_wait_for_a_lock(path, monkeypatch):
    monkeypatch.setattr("workflowkit.archive.sqlite._TRY", 0.1)
    other = None
    async with asyncio.timeout(20):
        async with Archive.open(path) as archive:
            other = sqlite3.connect(path, isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            storing = asyncio.create_task(put(archive))
            await asyncio.sleep(0.3)
        with pytest.raises(HarvestError, match="another program holds a lock"):
            await storing
    other.close()


FORKED = """
import asyncio, os, sys
from workflowkit import Archive, HarvestError

async def use(archive):
    try:
        await archive.counts()
    except HarvestError as error:
        print(error, flush=True)

loop = asyncio.new_event_loop()
archive = Archive.open(sys.argv[1])
loop.run_until_complete(archive.__aenter__())
child = os.fork()
if child:
    os.waitpid(child, 0)
    loop.run_until_complete(archive.__aexit__(None, None, None))
else:
    asyncio.run(use(archive))
    os._exit(0)
"""


def test_an_archive_is_no_use_after_a_fork(path):
    done = subprocess.run(
        [sys.executable, "-c", FORKED, str(path)], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "an archive can't be used after a fork: open it in the process that uses it\n"


async def test_an_old_sqlite_is_named(path, monkeypatch):
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 34, 1))
    with pytest.raises(HarvestError, match=r"archives need 3\.35\.0 or newer"):
        async with Archive.open(path):
            pass


async def test_what_a_dangling_link_leads_to_is_its_owners_only(tmp_path):
    (tmp_path / "link.db").symlink_to(tmp_path / "real.db")
    async with Archive.open(tmp_path / "link.db"):
        pass
    assert stat.S_IMODE((tmp_path / "real.db").stat().st_mode) == 0o600


async def test_without_a_folder_for_temporary_data_it_is_kept_in_memory(path, monkeypatch):
    monkeypatch.setattr("workflowkit.archive.sqlite._TEMPORARY", ("/nowhere",))
    for name in ("SQLITE_TMPDIR", "TMPDIR"):
        monkeypatch.delenv(name, raising=False)
    async with Archive.open(path) as archive:
        assert await archive.database.select("PRAGMA temp_store") == [(2,)]
    monkeypatch.setenv("SQLITE_TMPDIR", str(path.parent))
    async with Archive.open(path) as archive:
        assert await archive.database.select("PRAGMA temp_store") == [(0,)]


@pytest.mark.parametrize(
    ("name", "says"),
    [("SQLITE_IOERR_SHMMAP", "can't lock files or share memory"), ("SQLITE_IOERR_WRITE", "the disk reports an error")],
)
def test_what_a_network_share_cannot_do_is_said(path, name, says):
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorname = name
    assert says in explain(error, path)


def test_a_disk_without_locks_is_not_called_another_writer(path, monkeypatch):
    error = sqlite3.OperationalError("database is locked")
    error.sqlite_errorcode, error.sqlite_errorname = sqlite3.SQLITE_BUSY, "SQLITE_BUSY"
    assert "another program holds a lock" in explain(error, path)

    def no_locks(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.lockf", no_locks)
    assert "can't lock files" in explain(error, path)


async def test_another_writer_is_named(path, impatient):
    async with Archive.open(path) as archive:
        await archive.database.transact(lambda connection: connection.execute("PRAGMA busy_timeout = 20"))
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(HarvestError, match="another program holds a lock on it"):
            await put(archive)
        other.execute("ROLLBACK")
        other.close()
        await put(archive)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
async def test_a_folder_without_permission(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(HarvestError, match="can't be created"):
        async with Archive.open(tmp_path / "a.db"):
            pass


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        ("plain", "plain"),
        ("nul\0byte", "nul\ufffdbyte"),
        ("half \ud83d", "half \ufffd"),
        ("half \ude00 and 👍", "half \ufffd and 👍"),
        ("", ""),
        (2**63 - 1, 2**63 - 1),
        (2**63, None),
        (-(10**20), None),
        (None, None),
        (b"{}", "{}"),
        (b'{"a": "\xff"}', '{"a": "\ufffd"}'),
        (datetime(2024, 1, 9, 3, 16, 35, tzinfo=UTC), "2024-01-09T03:16:35.000Z"),
        (datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=8))), None),
        (datetime(9999, 12, 31, 23, tzinfo=timezone(timedelta(hours=-8))), None),
    ],
)
def test_whatever_was_decoded_can_be_stored(value, stored):
    assert adapt(value) == stored
    if isinstance(stored, str):
        stored.encode()


async def test_a_writer_that_cannot_connect_says_so_to_everyone():
    def connect() -> sqlite3.Connection:
        raise HarvestError("no")

    writer = Writer(connect, lambda *_: None, sqlite3.Connection.close)
    for _ in range(2):
        with pytest.raises(HarvestError, match="no"):
            await writer.call(lambda _: None)
    await writer.close()


async def test_a_caller_who_leaves_does_not_undo_the_job(path):
    async with Archive.open(path) as archive:
        task = asyncio.create_task(put(archive, "i", ROW))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await archive.counts()).pending in (0, 1)
        await put(archive, "i", ROW)
        assert (await archive.counts()).done == 1


async def test_a_locked_archive_is_told_to_all_who_wait_at_once(path, impatient):
    async with Archive.open(path) as archive:
        await archive.database.transact(lambda connection: connection.execute("PRAGMA busy_timeout = 200"))
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        asked = 0

        def work(_):
            nonlocal asked
            asked += 1

        answers = await asyncio.gather(*(archive.database.transact(work) for _ in range(50)), return_exceptions=True)
        other.close()
        assert asked == 0
        assert {str(answer).rpartition(": ")[2] for answer in answers} == {LOCKED}
