"""How long the archive takes to find other logs with the same file, when a link has expired.

Run: python -m benchmarks.harvest.renew
The archive has 500,000 links. The peer asks without the index, as a query on the URLs does. Trust the ratio.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from pathlib import Path

from benchmarks.report import table
from workflowkit import Archive
from workflowkit.archive.files import Files, PendingFile

LINKS = 500_000
ROUNDS = 20
FILL = """
    WITH RECURSIVE n(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < ? - 1)
    INSERT INTO links SELECT 'jodoo', 't', 'i' || (n / 2), n % 2, 0, 'a.pdf', 1, 'application/pdf',
        'https://files.jodoo.com/' || (n / 3) || '?e=1&token=t', '2026-01-01', 'https://files.jodoo.com/' || (n / 3)
    FROM n
"""
BY_URL = """
    SELECT instance_id, position FROM links WHERE system = ? AND tenant = ? AND substr(url, 1, length(?)) = ?
    AND instance_id <> ? ORDER BY expires_at DESC LIMIT 5
"""


def pending(number: int) -> PendingFile:
    """Return a file whose link has expired."""
    link = f"https://files.jodoo.com/{number}"
    return PendingFile(link, link, None, 1, "a.pdf", None, instance_id="none", position=0, etag=None, wrong=0)


async def measure(path: Path) -> dict[str, float]:
    """Return the median seconds of each way."""
    took: dict[str, list[float]] = {"by index": [], "by a scan": []}
    async with Archive.open(path) as archive:
        await archive.database.transact(lambda connection: connection.execute(FILL, (LINKS,)))
        files = Files(archive.database, "jodoo", "t")
        for number in range(ROUNDS):
            file = pending(number * 7_919)
            began = time.perf_counter()
            found = await files.other_places(file)
            took["by index"].append(time.perf_counter() - began)
            began = time.perf_counter()
            scanned = await archive.database.select(BY_URL, "jodoo", "t", file.link, file.link, "none")
            took["by a scan"].append(time.perf_counter() - began)
            assert len(found) == 3 <= len(scanned)
    return {name: statistics.median(each) for name, each in took.items()}


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(measure(Path(folder, "a.db")))
    rows = [[name, f"{seconds * 1e3:.2f}", f"{seconds / found['by a scan']:.4f}"] for name, seconds in found.items()]
    print(table([f"other logs with the file, {LINKS:,} links", "milliseconds", "x a scan"], rows))


if __name__ == "__main__":
    main()
