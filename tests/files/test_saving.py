"""A harvest that saves files: each once, before its link dies, whatever comes in between."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from file_host import ranged, whole
from given import KINDS, Given, log_row, put

from workflowkit import AuthenticationError, FileStore, HarvestError, NotFound, ServerError, TransportError, harvest
from workflowkit.archive import verify_files
from workflowkit.archive.files import Files
from workflowkit.harvesting.downloads import Downloads
from workflowkit.harvesting.progress import Progress
from workflowkit.source import AttachmentRow, Batch, Row

SOON = timedelta(days=6)
MEGABYTE = 1 << 20


def link(url, *, position=0, ordinal=0, size=None, name="a.txt", lives=SOON):
    expires_at = None if lives is None else datetime.now(UTC) + lives
    return AttachmentRow(
        position=position, ordinal=ordinal, name=name, size=size, mime=None, url=url, expires_at=expires_at
    )


class Linking(Given):
    """Instances whose links are given: as the harvest finds them, and as they are when asked for again."""

    def __init__(self, rows: Mapping[str, Sequence[Row]], *, name: str = "given") -> None:
        super().__init__(rows=rows, kinds=KINDS, name=name)
        self.later: dict[str, list[Row] | Exception] = {}
        self.renewals: list[tuple[str, int | None]] = []
        self.harvested: set[str] = set()

    async def batches(self, instance_id: str, after: int | None = None) -> AsyncGenerator[Batch]:
        links = self.rows[instance_id]
        if instance_id in self.harvested:
            self.renewals.append((instance_id, after))
            links = self.later.get(instance_id, links)
            if isinstance(links, Exception):
                raise links
        self.harvested.add(instance_id)
        first = max(0, (after or 0) - 1)
        rows = [log_row(position) for position in range(3)]
        yield Batch(
            rows=[row for row in (*rows, *links) if row.position >= first], kinds=KINDS, first=first, requests=1
        )


@pytest.fixture
def store(tmp_path, host):
    return FileStore(tmp_path / "files", hosts=(host.name,), concurrency=2, reserve=0)


@pytest.fixture
def states(archive):
    async def read():
        return [(file.state, file.reason) for file in await archive.list_files()]

    return read


def saved(store):
    """Return the contents that are in the folder."""
    return {path.read_bytes() for path in store.directory.rglob("*") if path.is_file()}


async def test_every_link_is_saved_once_however_often_the_harvest_runs(host, archive, store):
    host.answers = {"/a": [whole(b"one")], "/b": [whole(b"two")], "/c": [whole(b"one")]}
    urls = [host.url(path, f"?e={n}") for n, path in enumerate(("/a", "/b", "/c", "/a"))]
    source = Linking(
        {"i": [link(urls[0], size=3), link(urls[1], ordinal=1)], "j": [link(urls[2]), link(urls[3], ordinal=1)]}
    )
    summary = await harvest(source, archive, attachments=store)
    assert (summary.files, summary.file_bytes, summary.files_waiting, summary.files_lost) == (3, 9, 0, 0)
    for _ in range(2):
        assert (await harvest(source, archive, attachments=store, refresh=True)).files == 0
    assert sorted(path for path, _ in host.seen) == ["/a", "/b", "/c"]
    assert saved(store) == {b"one", b"two"}
    names, rows = await anext(archive.read("attachments"))
    for row in rows:
        told = dict(zip(names, row, strict=True))
        content = (archive.path.parent / told["path"]).read_bytes()
        assert (told["state"], told["sha256"]) == ("saved", hashlib.sha256(content).hexdigest())
        assert told["path"].startswith("files/"), "so that both can be moved"


async def test_without_a_folder_none_is_saved_and_a_later_run_does_it(host, archive, store):
    host.answers = {"/a": [whole(b"one")]}
    source = Linking({"i": [link(host.url("/a"))]})
    summary = await harvest(source, archive)
    assert (summary.files, (await archive.count_files()).waiting, host.seen) == (0, 1, [])
    summary = await harvest(source, archive, attachments=store)
    assert (summary.done, summary.requests, summary.files) == (0, 0, 1)


async def test_whose_link_dies_first_is_saved_first(host, archive, store):
    paths = [f"/{number}" for number in range(20)]
    host.answers = {path: [whole(path.encode())] for path in paths}
    order = sorted(paths, key=lambda path: hashlib.sha256(path.encode()).digest())
    links = [
        link(host.url(path), ordinal=paths.index(path), lives=timedelta(days=n + 1)) for n, path in enumerate(order)
    ]
    links.sort(key=lambda each: each.ordinal)
    source = Linking({"i": links})
    await harvest(source, archive)
    one_by_one = FileStore(store.directory, hosts=store.hosts, concurrency=1, reserve=0)
    await harvest(source, archive, attachments=one_by_one)
    assert [path for path, _ in host.seen] == order


@pytest.mark.parametrize("lives", [timedelta(seconds=-1), timedelta(seconds=30)])
async def test_a_link_that_is_dead_or_dies_before_its_turn_is_renewed_by_its_page(host, archive, store, lives):
    host.answers = {"/a": [lambda head: whole(b"one" if "e=new" in head else b"", status="200 OK")]}
    source = Linking({"i": [link(host.url("/a", "?e=old"), position=2, lives=lives)]})
    source.later["i"] = [link(host.url("/a", "?e=new"), position=2)]
    summary = await harvest(source, archive, attachments=store)
    assert (summary.files, summary.requests, source.renewals) == (1, 2, [("i", 3)])
    assert ["e=new" in head for head in host.asked("/a")] == [True], "the old one isn't tried"
    assert saved(store) == {b"one"}


async def test_a_link_that_the_host_refuses_is_renewed_once(host, archive, store, states):
    host.answers = {"/a": [lambda head: whole(b"one") if "e=new" in head else whole(b"", status="401 No")]}
    source = Linking({"i": [link(host.url("/a", "?e=old"), lives=None)]})
    source.later["i"] = [link(host.url("/a", "?e=new"))]
    assert (await harvest(source, archive, attachments=store)).files == 1
    host.answers = {"/b": [whole(b"", status="403 No")]}
    source = Linking({"j": [link(host.url("/b"))]})
    summary = await harvest(source, archive, attachments=store)
    assert (summary.files, summary.files_lost) == (0, 1)
    assert (await states())[0] == ("lost", "the host answers HTTP 403, also with a new link")
    assert len(host.asked("/b")) == 2


@pytest.mark.parametrize(
    ("later", "why"),
    [
        ([], "its link has expired, and its logs don't have it any more"),
        (NotFound("no such instance", code=50016), "its link has expired, and there is no new one: no such instance"),
    ],
)
async def test_what_cannot_be_renewed_is_lost_with_the_reason(host, archive, store, states, later, why):
    source = Linking({"i": [link(host.url("/a"), lives=timedelta(0))]})
    source.later["i"] = later
    summary = await harvest(source, archive, attachments=store)
    ((state, reason),) = await states()
    assert (state, summary.files_lost, host.seen) == ("lost", 1, [])
    assert reason.startswith(why)
    again = await harvest(source, archive, attachments=store)
    assert (again.files_lost, again.requests) == (1, 0), "it is told, and not tried again"


async def test_a_log_that_has_moved_is_found_again(host, archive, store):
    host.answers = {"/a": [whole(b"one")]}
    source = Linking({"i": [link(host.url("/a"), position=2, lives=timedelta(0))]})
    source.later["i"] = [link(host.url("/a", "?e=new"), position=0)]
    assert (await harvest(source, archive, attachments=store)).files == 1
    assert source.renewals == [("i", 3), ("i", None)]


async def test_a_service_that_fails_when_asked_for_a_new_link_is_waited_for(host, archive, store):
    def fail_once(instance_id):
        source.later[instance_id] = [link(host.url("/a", "?e=new"))]
        error = ServerError("busy", code=None)
        error.endpoint = "jodoo.workflow_logs"
        return error

    class Failing(Linking):
        async def batches(self, instance_id, after=None):
            if instance_id in self.harvested and instance_id not in self.later:
                raise fail_once(instance_id)
            async for batch in super().batches(instance_id, after):
                yield batch

    host.answers = {"/a": [whole(b"one")]}
    source = Failing({"i": [link(host.url("/a"), lives=timedelta(0))]})
    assert (await harvest(source, archive, attachments=store)).files == 1


async def test_a_key_that_is_refused_when_a_link_is_renewed_ends_the_harvest(host, archive, store):
    source = Linking({"i": [link(host.url("/a"), lives=timedelta(0))]})
    source.later["i"] = AuthenticationError("wrong key", code=8301)
    with pytest.raises(AuthenticationError, match="wrong key"):
        await harvest(source, archive, attachments=store)


async def test_a_break_is_gone_on_with_where_it_was(host, archive, store):
    content = bytes(range(256)) * (5 * MEGABYTE // 256)
    cut = whole(content[: 3 * MEGABYTE], 'ETag: "x"', length=len(content))
    host.answers = {"/a": [cut, ranged(content, '"x"')]}
    source = Linking({"i": [link(host.url("/a"), size=len(content))]})
    summary = await harvest(source, archive, attachments=store)
    assert (summary.files, summary.file_bytes) == (1, len(content))
    assert saved(store) == {content}
    assert "range: bytes=" in host.asked("/a")[1].lower()


@pytest.mark.parametrize(
    "then",
    [
        pytest.param(lambda new: whole(new, 'ETag: "y"'), id="another content, whole"),
        pytest.param(whole, id="200 to a Range"),
        pytest.param(
            lambda new: (
                lambda head: (
                    whole(new[9:], f"Content-Range: bytes 9-{len(new) - 1}/{len(new)}", status="206 Partial")
                    if "range:" in head.lower()
                    else whole(new)
                )
            ),
            id="another part than was asked for",
        ),
    ],
)
async def test_a_break_is_not_gone_on_with_what_may_be_another_content(host, archive, store, then):
    old, new = b"a" * 3 * MEGABYTE, b"b" * 2 * MEGABYTE
    host.answers = {"/a": [whole(old[: 2 * MEGABYTE], 'ETag: "x"', length=len(old)), then(new)]}
    await harvest(Linking({"i": [link(host.url("/a"))]}), archive, attachments=store)
    assert saved(store) == {new}


async def test_a_link_that_dies_while_its_file_comes(host, archive, store):
    content = bytes(range(256)) * (3 * MEGABYTE // 256)
    cut = whole(content[: 2 * MEGABYTE], 'ETag: "x"', length=len(content))
    rest = ranged(content, '"x"')
    dead = whole(b"", status="401 Unauthorized")
    host.answers = {"/a": [cut, lambda head: rest(head) if "e=new" in head else dead]}
    source = Linking({"i": [link(host.url("/a", "?e=old"))]})
    source.later["i"] = [link(host.url("/a", "?e=new"))]
    summary = await harvest(source, archive, attachments=store)
    assert (summary.files, saved(store)) == (1, {content})
    assert ["range:" in head.lower() for head in host.asked("/a")] == [False, True, True]


LOGIN = b"<html>please log in</html>"
NAMED = "/FtMNaGofTPeLMFW5_5SCs8w2mX8h"  # a name that some other content has


async def test_what_is_not_as_announced_is_deferred_then_lost(host, archive, store, states):
    pdf = {"name": "a.pdf", "size": None}
    files: dict[str, tuple[bytes, dict[str, Any], str]] = {
        "/size": (whole(b"123456789"), {"size": 4}, "4 bytes were announced, 9 came"),
        "/page": (
            whole(LOGIN, "Content-Type: text/html"),
            {"size": 4},
            "4 bytes were announced, 26 came, as text/html",
        ),
        "/type": (
            whole(LOGIN, "Content-Type: Text/HTML; charset=x"),
            pdf,
            "application/pdf was announced, text/html came",
        ),
        "/signature": (
            whole(LOGIN, "Content-Type: text/html"),
            {"name": None},
            "image/png was announced, text/html came",
        ),
        "/image": (whole(b"PK", "Content-Type: application/zip"), {"name": None}, "image/png was announced, "),
        NAMED: (
            whole(b"surprise"),
            {"size": 8},
            "its content isn't the one that its address names: something of 8 bytes",
        ),
    }
    host.answers = {path: [answer] for path, (answer, _, _) in files.items()}
    links = [link(host.url(path), ordinal=n, **told) for n, (path, (_, told, _)) in enumerate(files.items())]
    source = Linking({"i": links})
    summary = await harvest(source, archive, attachments=store)
    assert (summary.files, summary.files_waiting, summary.files_lost) == (0, 6, 0)
    found = await states()
    assert {state for state, _ in found} == {"deferred"}
    for _, _, says in files.values():
        assert any(reason.startswith(says) for _, reason in found), says
    assert saved(store) == set()
    summary = await harvest(source, archive, attachments=store)
    assert (summary.files, summary.files_waiting, summary.files_lost) == (0, 0, 6)
    assert {state for state, _ in await states()} == {"lost"}
    host.answers = {path: [whole(b"1234")] for path in files}
    assert (await harvest(source, archive, attachments=store)).files == 0, "lost is lost"
    assert await archive.retry_lost_files() == 6
    assert (await harvest(source, archive, attachments=store)).files == 5, "but for the one whose address names another"


async def test_what_says_little_of_its_type_is_saved(host, archive, store, states):
    files: dict[str, tuple[bytes, str, dict[str, Any]]] = {
        "/octets": (b"1", "Content-Type: application/octet-stream", {"name": "a.pdf"}),
        "/jpg": (b"2", "Content-Type: image/jpg", {"name": "a.jpeg"}),
        "/page": (b"3", "Content-Type: text/html", {"name": "a.html"}),
        "/sized": (b"45", "Content-Type: text/plain", {"name": "a.pdf", "size": 2}),
        "/unknown": (b"6", "Content-Type: application/zip", {"name": "a.unheard-of"}),
        "/FvwSAMenqlIQnXYqnwBbFJq-8BR5": (b"789", "Content-Type: text/html", {"name": "a.pdf", "size": 1}),
    }
    host.answers = {path: [whole(content, head)] for path, (content, head, _) in files.items()}
    links = [link(host.url(path), ordinal=n, **told) for n, (path, (_, _, told)) in enumerate(files.items())]
    summary = await harvest(Linking({"i": links}), archive, attachments=store)
    assert saved(store) == {content for content, _, _ in files.values()}
    assert summary.files == len(files)
    assert {reason for _, reason in await states()} == {None, "1 bytes were announced, 3 came"}, "its hash is right"
    assert (await archive.count_files()).differing == 1


async def test_what_breaks_on_its_way_is_asked_for_again(host, archive, store, states):
    host.answers = {"/a": [whole(b"<html>please log in</html>"), whole(b"1234")]}
    await harvest(Linking({"i": [link(host.url("/a"), size=4)]}), archive, attachments=store)
    assert (await states(), saved(store)) == ([("saved", None)], {b"1234"})


async def test_names_are_told_and_lead_nowhere(host, archive, store, tmp_path):
    names = [
        "../../etc/passwd",
        "/etc/passwd",
        "C:\\Windows\\system.ini",
        "\\\\server\\share",
        "a\0b",
        "n" * 300,
        "cod\u202efdp.exe",
        "CON",
        "aux.txt",
        ".",
        "",
        "\ud83d",
    ]
    host.answers = {f"/{number}": [whole(str(number).encode())] for number in range(len(names))}
    links = [link(host.url(f"/{n}"), ordinal=n, name=name) for n, name in enumerate(names)]
    await harvest(Linking({"i": links}), archive, attachments=store)
    found = {path.relative_to(tmp_path).parts for path in tmp_path.rglob("*") if path.is_file()}
    hashes = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(len(names))]
    assert found - {("a.db",), ("a.db-wal",), ("a.db-shm",)} == {("files", each[:2], each) for each in hashes}
    told = {file.sha256: file.name for file in await archive.list_files()}
    assert told[hashes[0]] == "../../etc/passwd"
    assert told[hashes[5]] == "n" * 300


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("https://elsewhere.example/a?token=secret", "which isn't an allowed host"),
        ("file:///etc/passwd", "only https"),
        ("", "only https"),
        ("ht\ud83dtp://x", "only https"),
    ],
)
async def test_a_link_that_leads_elsewhere_is_lost(archive, store, states, url, why):
    summary = await harvest(Linking({"i": [link(url)]}), archive, attachments=store)
    ((state, reason),) = await states()
    assert (state, summary.files_lost, why in reason, "secret" in reason) == ("lost", 1, True, False)


async def test_what_is_too_large_is_not_taken(host, archive, tmp_path, states):
    small = FileStore(tmp_path / "files", hosts=(host.name,), largest=1000, reserve=0)
    endless = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b"x" * 2000
    host.answers = {"/announced": [whole(b"")], "/length": [whole(b"y" * 1001)], "/endless": [endless]}
    sizes = {"/announced": 1001}
    links = [link(host.url(path), ordinal=n, size=sizes.get(path)) for n, path in enumerate(host.answers)]
    summary = await harvest(Linking({"i": links}), archive, attachments=small)
    assert await states() == [("lost", "it is larger than 1,000 bytes")] * 3
    assert (summary.files_lost, host.asked("/announced"), saved(small)) == (3, [], set())


async def test_a_file_that_fails_while_others_come_is_left_to_the_next_run(host, archive, store, states):
    broken = whole(b"", status="500 Oops")
    host.answers = {"/good": [whole(b"good")], "/bad": [broken]}
    source = Linking({"i": [link(host.url("/bad")), link(host.url("/good"), ordinal=1)]})
    summary = await harvest(source, archive, attachments=store)
    assert (summary.files, summary.files_waiting, summary.files_lost) == (1, 1, 0)
    assert await states() == [("deferred", "the file's host answers HTTP 500"), ("saved", None)]
    assert (await archive.count_files()).next_deadline is not None, "it waits as well"
    host.answers["/bad"] = [whole(b"bad")]
    assert (await harvest(source, archive, attachments=store)).files_waiting == 0


async def test_it_is_left_while_another_one_is_looked_for(host, archive, store, monkeypatch):
    find = Files.claim

    async def found(self, most, *, without):
        files = await find(self, most, without=without)
        if not files:
            await asyncio.sleep(0.2)  # meanwhile what is under way comes, and all that was held is left
        return files

    monkeypatch.setattr(Files, "claim", found)
    host.answers = {"/bad": [whole(b"", status="500 Oops")], **{f"/{n}": [whole(b"good")] for n in range(3)}}
    source = Linking({"i": [link(host.url(path), ordinal=n) for n, path in enumerate(("/bad", "/0", "/1", "/2"))]})
    summary = await harvest(source, archive, attachments=store)
    assert (summary.files, summary.files_waiting) == (3, 1)
    assert len(host.asked("/bad")) in (3, 4), "a failure before anything else has come says nothing"


async def test_a_host_that_is_down_is_waited_for(host, archive, store):
    host.answers = {"/first": [whole(b"first")]}
    source = Linking({"i": [link(host.url("/first"))]})
    await harvest(source, archive, attachments=store)
    down = whole(b"", status="503 Down")
    host.answers = {"/first": [down, whole(b"")], **{f"/{n}": [down, whole(b"up")] for n in range(5)}}
    source = Linking({"j": [link(host.url(f"/{n}"), ordinal=n) for n in range(5)]})
    summary = await harvest(source, archive, attachments=store)
    assert (summary.files, summary.files_waiting) == (5, 0)


async def test_a_host_that_stays_down_ends_the_harvest(host, archive, store):
    host.answers = {"/first": [whole(b"first"), whole(b"", status="503 Down")], "/a": [whole(b"", status="503 Down")]}
    source = Linking({"i": [link(host.url("/first"))], "j": [link(host.url("/a"))]})
    with pytest.raises(TransportError, match="HTTP 503"):
        await harvest(source, archive, attachments=store, max_outage=0.5)
    assert (await archive.count_files()).waiting == 1


async def test_a_file_that_takes_too_long_is_gone_on_with(host, archive, tmp_path):
    content = b"z" * 2 * MEGABYTE
    slow = asyncio.Event()

    async def trickle(reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        answer = ranged(content, '"x"')(head)
        if slow.is_set():
            writer.write(answer)
        else:
            slow.set()
            writer.write(answer[: MEGABYTE + MEGABYTE // 2])
            await writer.drain()
            await reader.read()  # until the client has had enough
        writer.close()

    server = await asyncio.start_server(trickle, "127.0.0.1", 0)
    name = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    store = FileStore(tmp_path / "files", hosts=(name,), timeout=0.5, reserve=0)
    summary = await harvest(Linking({"i": [link(f"http://{name}/a")]}), archive, attachments=store)
    assert (summary.files, saved(store)) == (1, {content})
    server.close()


async def test_stopping_finishes_what_is_under_way_and_the_next_run_does_the_rest(host, archive, store):
    stop = asyncio.Event()
    host.answers = {f"/{n}": [whole(b"%d" % n)] for n in range(200)}
    source = Linking({"i": [link(host.url(f"/{n}"), ordinal=n) for n in range(200)]})

    def watch(record):
        if getattr(record, "files", 0) > 3:
            stop.set()

    summary = await harvest(source, archive, attachments=store, stop=stop, observers=[watch])
    assert summary.stopped
    assert 3 < summary.files < 200
    assert summary.files + summary.files_waiting == 200
    assert list((store.directory / "parts").iterdir()) == []
    rest = await harvest(source, archive, attachments=store)
    assert rest.files == summary.files_waiting
    assert len(host.seen) == 200


async def test_a_disk_without_room_ends_the_harvest_and_what_is_saved_stays(host, archive, tmp_path, monkeypatch):
    host.answers = {"/a": [whole(b"one")], "/b": [whole(b"two")]}
    source = Linking({"i": [link(host.url("/a"), lives=timedelta(days=1)), link(host.url("/b"), ordinal=1)]})
    huge = FileStore(tmp_path / "files", hosts=(host.name,), reserve=1 << 60)
    with pytest.raises(HarvestError, match="make room and run the same command again"):
        await harvest(source, archive, attachments=huge)
    assert (await archive.counts()).done == 1
    assert host.seen == []


async def test_progress_tells_of_files(host, archive, store):
    told: list[Any] = []
    host.answers = {f"/{n}": [whole(b"12")] for n in range(5)}
    source = Linking({"i": [link(host.url(f"/{n}"), ordinal=n) for n in range(5)]})
    await harvest(source, archive, attachments=store, observers=[told.append])
    assert max(record.files for record in told) == 5
    assert max(record.file_bytes for record in told) == 10
    assert max(record.files_waiting for record in told) > 0
    assert any(record.next_deadline for record in told)


async def test_two_sources_of_one_tenant_save_each_file_once(host, archive, store):
    host.answers = {f"/{n}": [whole(b"%d" % n)] for n in range(30)}
    sources = [
        Linking({f"{name}{n}": [link(host.url(f"/{n}"))] for n in range(30)}, name=name) for name in ("one", "two")
    ]
    summary = await harvest(sources, archive, attachments=store)
    assert (summary.files, len(host.seen)) == (30, 30)


async def test_two_companies_with_the_same_link_do_not_write_the_same_part(host, archive, store):
    content = bytes(3 * MEGABYTE)
    host.answers = {"/a": [whole(content)]}
    sources = [Linking({"i": [link(host.url("/a"))]}) for _ in range(2)]
    sources[1].tenant = "another"
    summary = await harvest(sources, archive, attachments=store)
    assert (summary.files, saved(store)) == (2, {content})
    assert [damage async for damage in verify_files(archive)] == []


async def test_a_part_of_another_content_is_not_appended(host, archive, store):
    old, new = b"a" * 4 * MEGABYTE, b"b" * 4 * MEGABYTE
    cut = whole(old[: 2 * MEGABYTE], 'ETag: "x"', length=len(old))
    host.answers = {"/a": [cut, lambda head: ranged(new, '"y"')(head.replace('"x"', '"y"')), whole(new, 'ETag: "y"')]}
    await harvest(Linking({"i": [link(host.url("/a"))]}), archive, attachments=store)
    assert "range:" in host.asked("/a")[1].lower()
    assert saved(store) == {new}


class Broken(Linking):
    """Whose instances named so can't be asked for again: the service fails."""

    async def batches(self, instance_id, after=None):
        if instance_id in self.harvested and instance_id.startswith("broken"):
            error = ServerError("no", code=None)
            error.endpoint = "jodoo.workflow_logs"
            raise error
        async for batch in super().batches(instance_id, after):
            yield batch


async def test_one_instance_that_cannot_be_asked_again_holds_nobody_up(host, archive, store, states):
    host.answers = {"/a": [whole(b"one")]}
    source = Broken({"broken": [link(host.url("/b"), lives=timedelta(0))], "good": [link(host.url("/a"))]})
    summary = await harvest(source, archive, attachments=store)
    assert (summary.files, summary.files_waiting, summary.files_lost) == (1, 1, 0)
    assert [state for state, _ in await states()] == ["deferred", "saved"]


async def test_a_host_that_never_answers_does_not_hold_the_harvest_up(archive, tmp_path):
    store = FileStore(tmp_path / "files", hosts=("127.0.0.1:1",), reserve=0)
    source = Linking({str(n): [link(f"http://127.0.0.1:1/{n}")] for n in range(30)})
    summary = await harvest(source, archive, attachments=store)
    assert (summary.done, summary.files, summary.files_waiting, summary.files_lost) == (30, 0, 30, 0)


async def test_stopping_does_not_wait_for_a_host_that_says_nothing(host, archive, tmp_path):
    host.answers = {"/first": [whole(b"first")], "/a": [whole(b"", status="503 Down")]}
    store = FileStore(tmp_path / "files", hosts=(host.name,), reserve=0, timeout=0.5)
    await harvest(Linking({"i": [link(host.url("/first"))]}), archive, attachments=store)
    host.answers["/first"] = [b""]
    host.silent.add("/first")
    stop = asyncio.Event()
    source = Linking({"j": [link(host.url("/a"))]})
    running = asyncio.create_task(harvest(source, archive, attachments=store, stop=stop))
    while len(host.asked("/first")) < 2:
        await asyncio.sleep(0.01)
    stop.set()
    assert (await asyncio.wait_for(running, 20)).stopped


async def test_a_write_that_outlasts_its_time_ends_before_its_file_is_closed(host, archive, tmp_path, monkeypatch):
    write = os.write
    started: list[int] = []

    def slow(descriptor, data):
        if not started:
            started.append(descriptor)
            time.sleep(1)
        return write(descriptor, data)

    monkeypatch.setattr("workflowkit.files.store.os.write", slow)
    host.answers = {f"/{n}": [whole(bytes([n]) * 2 * MEGABYTE)] for n in range(6)}
    store = FileStore(tmp_path / "files", hosts=(host.name,), reserve=0, timeout=0.5)
    source = Linking({"i": [link(host.url(f"/{n}"), ordinal=n) for n in range(6)]})
    summary = await harvest(source, archive, attachments=store)
    assert (started != [], summary.files, saved(store)) == (True, 6, {bytes([n]) * 2 * MEGABYTE for n in range(6)})
    assert [damage async for damage in verify_files(archive)] == []


async def test_the_room_is_looked_at_while_a_file_comes(host, archive, tmp_path, monkeypatch):
    def free(path):
        used = sum(file.stat().st_size for file in (tmp_path / "files").rglob("*") if file.is_file())
        return shutil._ntuple_diskusage(0, 0, 5 * MEGABYTE - used)

    monkeypatch.setattr("workflowkit.files.store.shutil.disk_usage", free)
    store = FileStore(tmp_path / "files", hosts=(host.name,), reserve=2 * MEGABYTE)
    endless = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + bytes(10 * MEGABYTE)
    host.answers = {"/a": [endless]}
    with pytest.raises(HarvestError, match="make room"):
        await harvest(Linking({"i": [link(host.url("/a"))]}), archive, attachments=store)
    assert sum(file.stat().st_size for file in (tmp_path / "files").rglob("*") if file.is_file()) <= 3 * MEGABYTE


async def test_what_is_lost_unasked_says_nothing_of_the_host(host, archive, store):
    down = whole(b"", status="503 Down")
    host.answers = {"/a": [down, down, down, whole(b"one")]}
    links = [link(host.url("/a"), lives=timedelta(days=1))]
    links += [link(f"https://elsewhere.example/{n}", ordinal=n + 1) for n in range(10)]
    summary = await harvest(Linking({"i": links}), archive, attachments=store)
    assert (summary.files, summary.files_lost, summary.files_waiting) == (1, 10, 0)


async def test_a_file_that_several_instances_link_to_is_lost_with_the_last_of_them(host, archive, store):
    host.answers = {"/a": [whole(b"one")]}
    source = Linking({"i": [link(host.url("/a"), lives=timedelta(0))], "j": [link(host.url("/a"), lives=timedelta(0))]})
    for gone, there in (("i", "j"), ("j", "i")):
        source.later[gone] = NotFound("no such instance", code=50016)
        source.later[there] = [link(host.url("/a", "?e=new"))]
        summary = await harvest(source, archive, attachments=store)
        assert summary.files_lost == 0
    assert summary.files_waiting == 0
    names = {(file.instance_id, file.state) for file in await archive.list_files()}
    assert names == {("i", "saved"), ("j", "saved")}


async def test_each_place_has_the_name_that_it_gave(host, archive, store):
    host.answers = {"/a": [whole(b"one")]}
    url = host.url("/a")
    links = [link(url, name="contract.pdf"), link(url, ordinal=1, name="copy.pdf"), link(url, ordinal=-1, name=None)]
    await harvest(Linking({"i": links}), archive, attachments=store)
    assert [(file.ordinal, file.name) for file in await archive.list_files()] == [
        (-1, None),
        (0, "contract.pdf"),
        (1, "copy.pdf"),
    ]


async def test_who_tells_no_deadline_comes_last(host, archive, store):
    host.answers = {f"/{n}": [whole(b"%d" % n)] for n in range(4)}
    links = [link(host.url(f"/{n}"), ordinal=n, lives=None if n < 2 else SOON) for n in range(4)]
    await harvest(Linking({"i": links}), archive)
    one_by_one = FileStore(store.directory, hosts=store.hosts, concurrency=1, reserve=0)
    await harvest(Linking({"i": links}), archive, attachments=one_by_one)
    assert {path for path, _ in host.seen[:2]} == {"/2", "/3"}


async def test_a_file_where_the_folder_should_be(host, archive, tmp_path):
    (tmp_path / "files").write_text("precious")
    for lives in (SOON, timedelta(0)):
        source = Linking({"i": [link(host.url("/a"), lives=lives)]})
        source.later["i"] = []
        with pytest.raises(HarvestError, match="can't be written"):
            await harvest(source, archive, attachments=tmp_path / "files", refresh=True)
    assert (tmp_path / "files").read_text() == "precious"


async def test_what_cannot_be_read_is_told_from_what_is_gone(host, archive, store):
    host.answers = {f"/{n}": [whole(b"%d" % n)] for n in range(3)}
    await harvest(Linking({"i": [link(host.url(f"/{n}"), ordinal=n) for n in range(3)]}), archive, attachments=store)
    gone, folder, _ = (archive.path.parent / str(file.path) for file in await archive.list_files())
    gone.unlink()
    folder.unlink()
    folder.mkdir()
    assert {(damage.path, damage.what) async for damage in verify_files(archive)} == {
        (str(gone), "it isn't there"),
        (str(folder), "it can't be read"),
    }


async def test_without_room_nothing_is_begun(host, archive, tmp_path):
    host.answers = {"/a": [whole(b"a")]}
    source = Linking({"i": [link(host.url("/a"), size=1)]})
    store = FileStore(tmp_path / "files", hosts=(host.name,), reserve=1 << 60)
    with pytest.raises(HarvestError, match="make room"):
        await harvest(source, archive, attachments=store)
    assert list(store.directory.iterdir()) == []
    assert host.seen == []


async def test_whether_links_can_be_renewed_is_seen_by_logs_alone(archive, tmp_path):
    class NoTasks(Given):
        async def batches(self, instance_id: str, after: int | None = None) -> AsyncGenerator[Batch]:
            if after is None:
                raise TransportError("no answer")
            yield Batch(rows=[log_row()], kinds=KINDS, requests=1)

    await put(archive, "i", log_row())
    (progress,) = Progress([None], ()).sources
    saving = Downloads(
        NoTasks(kinds=KINDS), archive, FileStore(tmp_path / "files"), progress, stop=asyncio.Event(), max_outage=1
    )
    assert await saving._probe_api() is True
    assert progress.requests == 1
