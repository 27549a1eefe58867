"""The folder of files: what lies where, and what can't get in the way."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from base64 import urlsafe_b64encode
from contextlib import nullcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflowkit import ConfigError, FileStore, HarvestError
from workflowkit.files.etag import Etag, named_in

MEGABYTE = 1 << 20


def save(store, link, content, *, resume=False):
    part = store.part(link).open(resume=resume)
    part.write(content)
    return part.keep()


def test_a_file_is_named_by_its_content_and_its_owners_only(tmp_path):
    store = FileStore(tmp_path / "made" / "files")
    kept = save(store, "https://h/a", b"content")
    sha256 = hashlib.sha256(b"content").hexdigest()
    assert (kept.sha256, kept.bytes) == (sha256, 7)
    assert kept.path == tmp_path / "made" / "files" / sha256[:2] / sha256
    assert kept.path.read_bytes() == b"content"
    assert stat.S_IMODE(kept.path.stat().st_mode) == 0o600
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in (kept.path.parent, store.directory)} == {0o700}
    assert list((store.directory / "parts").iterdir()) == []


@pytest.mark.skipif(os.name != "posix", reason="folders can't be synced")
@pytest.mark.parametrize(
    ("number", "is_kept"), [(errno.EINVAL, True), (errno.ENOTSUP, True), (errno.EACCES, True), (errno.EIO, False)]
)
def test_a_file_is_kept_where_folders_cannot_be_synced(tmp_path, monkeypatch, number, is_kept):
    fsync = os.fsync

    def refuse(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(number, os.strerror(number))
        fsync(descriptor)

    store = FileStore(tmp_path)
    monkeypatch.setattr(os, "fsync", refuse)
    with nullcontext() if is_kept else pytest.raises((OSError, HarvestError)):
        assert save(store, "https://h/a", b"content").path.read_bytes() == b"content"


def test_equal_contents_are_there_once(tmp_path):
    store = FileStore(tmp_path)
    assert save(store, "https://h/a", b"same").path == save(store, "https://h/b", b"same").path
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 1


def test_what_an_earlier_try_has_left_is_gone_on_with_or_dropped(tmp_path):
    store = FileStore(tmp_path)
    for resume, content in ((True, b"one two"), (False, b"two")):
        part = store.part("https://h/a").open(resume=False)
        part.write(b"one ")
        part.close()
        part = store.part("https://h/a").open(resume=resume)
        part.write(b"two")
        assert part.keep().sha256 == hashlib.sha256(content).hexdigest()
        assert part.etag == urlsafe_b64encode(b"\x16" + hashlib.sha1(content).digest()).decode()


@pytest.mark.skipif(os.name != "posix", reason="links need a right of their own")
def test_a_link_planted_in_the_tree_leads_nowhere(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_bytes(b"precious")
    store = FileStore(tmp_path / "files")
    sha256 = hashlib.sha256(b"content").hexdigest()
    store.directory.mkdir()

    (store.directory / sha256[:2]).symlink_to(outside)
    with pytest.raises(OSError, match="symbolic link"):
        save(store, "https://h/a", b"content")
    (store.directory / sha256[:2]).unlink()

    (store.directory / sha256[:2]).mkdir()
    (store.directory / sha256[:2] / sha256).symlink_to(outside / "precious")
    assert not save(store, "https://h/a", b"content").path.is_symlink()

    name = hashlib.sha256(b"https://h/a").hexdigest()[:32]
    (store.directory / "parts" / f"{name}.part").symlink_to(outside / "precious")
    with pytest.raises(OSError, match="Too many levels of symbolic links"):
        save(store, "https://h/a", b"content")
    (store.directory / "parts" / f"{name}.part").unlink()
    os.mkfifo(store.directory / "parts" / f"{name}.part")
    with pytest.raises(OSError, match="isn't a regular file"):
        save(store, "https://h/a", b"content")

    (store.directory / "parts" / f"{name}.part").unlink()
    (store.directory / "parts").rmdir()
    (store.directory / "parts").symlink_to(outside)
    with pytest.raises(OSError, match="symbolic link"):
        save(store, "https://h/a", b"content")
    (tmp_path / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").mkdir()
    save(FileStore(tmp_path / "linked"), "https://h/a", b"content")
    assert [path.name for path in outside.iterdir()] == ["precious"]
    assert (outside / "precious").read_bytes() == b"precious"


def test_a_disk_that_is_nearly_full(tmp_path):
    FileStore(tmp_path, reserve=0).make_room(1)
    with pytest.raises(HarvestError, match=r"only [\d,]+ MB are free, and .* are to stay so; make room and run"):
        FileStore(tmp_path, reserve=0).make_room(1 << 60)
    with pytest.raises(HarvestError, match="can't be written"):
        FileStore("/dev/null/files").make_room(1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"concurrency": 0}, "concurrency=0: pass a number above 0"),
        ({"largest": -1}, "largest=-1"),
        ({"timeout": 0}, "timeout=0"),
        ({"hosts": ("https://files.example.com",)}, "pass a name such as files.example.com"),
        ({"hosts": ("",)}, "host ''"),
    ],
)
def test_options_that_cannot_be(tmp_path, options, message):
    with pytest.raises(ConfigError, match=message):
        FileStore(tmp_path, **options)


def named(content):
    """Name a content as the vendor of the file host describes it, in one go."""
    blocks = [content[start : start + 4 * MEGABYTE] for start in range(0, len(content), 4 * MEGABYTE)] or [b""]
    digests = [hashlib.sha1(block).digest() for block in blocks]
    if len(digests) == 1:
        return urlsafe_b64encode(b"\x16" + digests[0]).decode()
    return urlsafe_b64encode(b"\x96" + hashlib.sha1(b"".join(digests)).digest()).decode()


def test_the_name_of_nothing_is_known():
    assert Etag().name() == "Fto5o-5ea0sNMlW_75VgGJCv2AcJ"


@pytest.mark.parametrize("size", [0, 1, 4 * MEGABYTE - 1, 4 * MEGABYTE, 4 * MEGABYTE + 1, 8 * MEGABYTE, 9 * MEGABYTE])
def test_a_content_of_any_size_is_named(size):
    content = bytes(range(256)) * (size // 256 + 1)
    etag = Etag()
    for start in range(0, size, 3 * MEGABYTE):
        etag.update(content[start : min(size, start + 3 * MEGABYTE)])
    assert etag.name() == named(content[:size])


@given(st.binary(max_size=200))
def test_a_name_is_known_by_its_shape(content):
    name = named(content)
    assert named_in(f"https://files.jodoo.com/{name}") == name


@pytest.mark.parametrize("key", ["quote.pdf", "F" * 27, "F" * 29, "a" + "F" * 27, "F" + "!" * 27, ""])
def test_what_cannot_be_a_contents_name(key):
    assert named_in(f"https://files.jodoo.com/{key}") is None
