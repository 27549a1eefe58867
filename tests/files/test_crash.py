"""A crash at every step of saving files: nothing is there in part, and nothing is asked for more than it must be."""

from __future__ import annotations

import resource
import subprocess
from pathlib import Path

import pytest
from dying import figures_of
from file_host import whole
from given import KINDS, Given, log_row

from workflowkit import FileStore, HarvestError, harvest
from workflowkit.source import AttachmentRow

HARVESTS = Path(__file__).with_name("crashing.py")


@pytest.mark.long
def test_a_crash_at_every_step(tmp_path):
    crashes, differing, most = figures_of(HARVESTS, tmp_path)
    assert crashes > 30
    assert differing == 0
    assert most <= 2, "as many as were under way"


@pytest.fixture
def tiny_disk(tmp_path):
    """A disk of 4 MB; only root can make one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", disk], capture_output=True, check=False)
    if made.returncode:
        pytest.skip("no disk can be mounted here")
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


async def test_a_full_disk_ends_the_harvest_and_what_is_saved_stays(host, archive, tiny_disk):
    contents = [bytes([n]) * (3 << 19) for n in range(4)]
    host.answers = {f"/{n}": [whole(content)] for n, content in enumerate(contents)}
    rows = [
        AttachmentRow(position=0, ordinal=n, name=None, size=None, mime=None, url=host.url(f"/{n}"), expires_at=None)
        for n in range(4)
    ]
    source = Given({"i": [log_row(), *rows]}, kinds=KINDS, file_hosts=(host.name,))
    store = FileStore(tiny_disk / "files", concurrency=1, reserve=0)
    with pytest.raises(HarvestError, match=r"make room|No space left on device.* run the same command again"):
        await harvest(source, archive, attachments=store)
    assert (await archive.count_files()).saved == 2
    for path in store.directory.rglob("*"):
        if path.is_file() and path.suffix != ".part":
            assert path.read_bytes() in contents
            path.unlink()  # to somewhere else, say
    assert (await harvest(source, archive, attachments=store)).files == 2


async def test_a_write_that_fails_ends_the_harvest_and_the_next_one_goes_on(host, archive, tmp_path):
    content = bytes(3 << 20)
    host.answers = {"/a": [whole(content, 'ETag: "x"')]}
    url = host.url("/a")
    row = AttachmentRow(position=0, ordinal=0, name="a", size=None, mime=None, url=url, expires_at=None)
    source = Given({"i": [log_row(), row]}, kinds=KINDS, file_hosts=(host.name,))
    store = FileStore(tmp_path / "files", reserve=0)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2 << 20, hard))
    try:
        with pytest.raises(HarvestError, match="can't be written .* run the same command again"):
            await harvest(source, archive, attachments=store)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (await archive.count_files()).waiting == 1
    assert (await harvest(source, archive, attachments=store)).files == 1
    assert [path.stat().st_size for path in store.directory.rglob("*") if path.is_file()] == [len(content)]
