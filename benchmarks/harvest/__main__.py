"""What a harvest costs beside a straight script, how much memory it takes, and what it takes at 30 requests a second.

Run: python -m benchmarks.harvest
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.measure import serving

HERE = Path(__file__).parent
PAGE = 99
"""Logs in a page, and instance: one more would take a second request, to see that there are no more."""

ROUNDS = 3


class Cost:
    """What a command took: seconds by the clock and of CPU, and the most megabytes."""

    def __init__(self, command: Sequence[str], base_url: str) -> None:
        env = {**os.environ, "JODOO_API_KEY": "k", "JODOO_BASE_URL": base_url}
        began = time.monotonic()
        process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        self.wall = time.monotonic() - began
        self.cpu = usage.ru_utime + usage.ru_stime
        self.memory = usage.ru_maxrss / (1024 if sys.platform != "darwin" else 1024 * 1024)
        if status:
            raise SystemExit(f"{' '.join(command)} ended with {status}")


class Bench:
    """A server, and a folder for archives."""

    def __init__(self, folder: Path, address: str) -> None:
        self.folder = folder
        self.base_url = f"{address}/api"

    def ids(self, number: int) -> str:
        path = self.folder / f"ids-{number}.txt"
        path.write_text("\n".join(f"6500cba9{instance:016x}" for instance in range(number)))
        return str(path)

    def harvest(self, instances: int, rate: str) -> Cost:
        archive = self.folder / "harvest.db"
        archive.unlink(missing_ok=True)
        options = ["--ids", self.ids(instances), "--archive", str(archive), "--rate", rate, "--transport", "httpx"]
        return Cost([sys.executable, "-m", "workflowkit", "harvest", "jodoo", *options], self.base_url)

    def straight(self, instances: int) -> Cost:
        for ending in ("", "-wal", "-shm"):
            Path(f"{self.folder / 'straight.db'}{ending}").unlink(missing_ok=True)
        arguments = [self.base_url, self.ids(instances), str(self.folder / "straight.db")]
        return Cost([sys.executable, str(HERE / "straight.py"), *arguments], self.base_url)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, serving(PAGE) as whole_pages, serving(5) as short_pages:
        bench = Bench(Path(folder), whole_pages)
        print("| logs | | seconds | CPU seconds | memory, MB |\n|---|---|---|---|---|")
        ratios = []
        for logs in (100_000, 1_000_000):
            for _ in range(ROUNDS if logs == 100_000 else 1):
                ours, theirs = bench.harvest(logs // PAGE, "none"), bench.straight(logs // PAGE)
                ratios.append(theirs.wall / ours.wall)
                for name, cost in (("workflowkit", ours), ("straight script", theirs)):
                    print(f"| {logs:,} | {name} | {cost.wall:.1f} | {cost.cpu:.1f} | {cost.memory:.0f} |", flush=True)
        print(f"\nthroughput, times that of the straight script: {' '.join(f'{ratio:.2f}' for ratio in ratios)}")
        bench = Bench(Path(folder), short_pages)
        cost = bench.harvest(900, "30")
        start = bench.harvest(1, "30")
        share = (cost.cpu - start.cpu) / (cost.wall - start.wall)
        print(
            f"at 30 requests a second, instances of five logs: {share:.1%} of a core (starting up: {start.cpu:.1f} s)"
        )


if __name__ == "__main__":
    main()
