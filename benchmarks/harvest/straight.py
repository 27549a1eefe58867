"""What one writes without a library: the same transport, json, executemany, a commit for each page. No resuming.

Run: python benchmarks/harvest/straight.py BASE_URL IDS DATABASE
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

CONCURRENCY = 20
COLUMNS = (
    "instance_id, position, flow_id, flow_name, create_action, create_time, finish_action, finish_time, "
    "operator_username, operator_name, comment, signature_url, raw"
)
INSERT = f"INSERT INTO logs ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


def row(instance_id: str, position: int, log: dict[str, Any]) -> tuple[Any, ...]:
    operator = log.get("operator") or {}
    return (
        instance_id,
        position,
        log["flow_id"],
        log["flow_name"],
        log["create_action"],
        log["create_time"],
        log.get("finish_action"),
        log.get("finish_time"),
        operator.get("username"),
        operator.get("name"),
        log.get("comment"),
        (log.get("signature") or {}).get("url"),
        json.dumps(log),
    )


async def work(client: httpx.AsyncClient, ids: Iterator[str], database: sqlite3.Connection) -> None:
    for instance_id in ids:
        skip = 0
        while True:
            body = {"instance_id": instance_id, "types": ["comment"], "skip": skip, "limit": 100}
            answer = await client.post("/v1/workflow/instance/logs", json=body, headers={"Authorization": "Bearer k"})
            logs = json.loads(answer.content)["logs"]
            rows = [row(instance_id, skip + position, log) for position, log in enumerate(logs)]
            database.executemany(INSERT, rows)
            database.commit()
            skip += len(logs)
            if len(logs) < 100:
                break


async def main(base_url: str, ids: str, path: str) -> None:
    database = sqlite3.connect(path)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = NORMAL")
    database.execute(f"CREATE TABLE logs ({COLUMNS}, PRIMARY KEY (instance_id, position))")
    job = iter(Path(ids).read_text().split())
    async with httpx.AsyncClient(base_url=base_url, timeout=30) as client:
        await asyncio.gather(*(work(client, job, database) for _ in range(CONCURRENCY)))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
