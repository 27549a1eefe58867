"""Whatever fails, and whenever it is stopped: a harvest that saves files ends, and the next ones save the rest."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from given import KINDS, Given, log_row

from workflowkit import Archive, FileStore, NotFound, ServerError, TransportError, harvest
from workflowkit.archive import verify_files, writer
from workflowkit.files import DeadLink, Unsafe
from workflowkit.files.fetch import FileResponse
from workflowkit.harvesting import breaker
from workflowkit.source import AttachmentRow, Batch

DEADLINES = (timedelta(0), timedelta(days=1), None)


class Troubled(Given):
    """Instances that share thirty files; asked a second time, they may fail."""

    dice: random.Random
    trouble: float
    asked: set[str]

    async def batches(self, instance_id: str, after: int | None = None) -> AsyncGenerator[Batch]:
        await asyncio.sleep(0)
        if instance_id in self.asked and self.dice.random() < self.trouble:
            error = self.dice.choice((ServerError("busy", code=None), TransportError("cut"), NotFound("gone", code=1)))
            error.endpoint, error.item_id = "jodoo.workflow_logs", instance_id
            raise error
        self.asked.add(instance_id)
        yield Batch(rows=self.rows[instance_id], kinds=KINDS, requests=1)


def troubled(dice: random.Random, name: str) -> Troubled:
    rows = {}
    for number in range(dice.randrange(1, 12)):
        links = []
        for ordinal in range(dice.randrange(4)):
            lives = dice.choice(DEADLINES)
            expires_at = None if lives is None else datetime.now(UTC) + lives
            url = f"https://h/{dice.randrange(30)}"
            links.append(
                AttachmentRow(
                    position=0, ordinal=ordinal, name="a", size=None, mime=None, url=url, expires_at=expires_at
                )
            )
        rows[f"{name}-{number}"] = [log_row(), *links]
    source = Troubled(rows=rows, kinds=KINDS, name=name, tenant=name)
    source.dice, source.trouble, source.asked = dice, dice.choice((0, 0, 0.1, 0.5, 0.95)), set()
    return source


@pytest.mark.parametrize("seed", range(40))
async def test_it_ends_and_the_rest_is_saved_later(tmp_path, monkeypatch, seed):
    monkeypatch.setattr(breaker, "_SHORTEST", 0.001)
    monkeypatch.setattr(breaker, "_LONGEST", 0.01)
    dice = random.Random(seed)
    fails, dies, leads_elsewhere = (dice.choice((0, 0, 0.1, 0.5, 0.95)) for _ in range(3))

    @asynccontextmanager
    async def get(self: object, url: str, *, offset: int = 0, etag: str | None = None) -> AsyncIterator[FileResponse]:
        async def pieces() -> AsyncIterator[bytes]:
            yield url.encode()

        await asyncio.sleep(dice.choice((0, 0, 0.001)))
        if dice.random() < fails:
            raise TransportError("cut")
        if dice.random() < dies:
            raise DeadLink("dead")
        if dice.random() < leads_elsewhere:
            raise Unsafe("elsewhere")
        yield FileResponse(0, None, None, None, pieces())

    transact = writer.Writer._transact

    def transact_slowly(*what: Any) -> None:
        time.sleep(dice.choice((0, 0, 0, 0.003)))
        transact(*what)

    monkeypatch.setattr(writer.Writer, "_transact", transact_slowly)
    monkeypatch.setattr("workflowkit.files.fetch.Fetcher.get", get)
    sources = [troubled(dice, name) for name in "abc"[: dice.randrange(1, 4)]]
    store = FileStore(tmp_path / "files", concurrency=dice.choice((1, 2, 8)), reserve=0)
    async with Archive.open(tmp_path / "a.db") as archive:
        for _ in range(3):
            stop = asyncio.Event()
            if dice.random() < 0.5:
                asyncio.get_running_loop().call_later(dice.choice((0, 0.002, 0.01, 0.05)), stop.set)
            with suppress(TransportError, ServerError):  # it has failed for as long as it may
                await asyncio.wait_for(harvest(sources, archive, attachments=store, stop=stop, max_outage=0.3), 20)
        fails = dies = leads_elsewhere = 0
        for source in sources:
            source.trouble = 0
        summary = await asyncio.wait_for(harvest(sources, archive, attachments=store), 20)
        assert (summary.stopped, summary.files_waiting) == (False, 0)
        counts = await archive.count_files()
        assert counts.lost == summary.files_lost
        assert [damage async for damage in verify_files(archive)] == []
        assert list((store.directory / "parts").iterdir() if counts.saved else []) == []
