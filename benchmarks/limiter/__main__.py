"""How much of 30 requests a second each limiter uses, and how often it is refused, over HTTP.

Run: pip install '.[bench]' && python -m benchmarks.limiter
Each run has a server and a client process of its own; some run side by side. It takes a quarter of an hour, and
writes results.json and results.svg here, and the table into the README.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import platform
import re
import socket
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx

from benchmarks.report import publish

from .contenders import CONTENDERS
from .server import NETWORKS, serve

ROOT = Path(__file__).parents[2]
RESULTS = Path(__file__).with_name("results.json")
RUNS = [("no delay", 1), ("no delay", 10), ("no delay", 100), ("no delay", 1000)]
RUNS += [(network, workers) for network in list(NETWORKS)[1:] for workers in (10, 1000)]
SECONDS = 20.0

Run = dict[str, Any]
"""A contender, its network and workers, and what `Strict.result` has seen of them."""


async def send(contender: str, url: str, workers: int, seconds: float) -> dict[str, float]:
    """Let so many workers send for so long, and return what the server has seen."""
    enter = CONTENDERS[contender]()
    unlimited = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx.AsyncClient(base_url=url, limits=unlimited, timeout=None, trust_env=False) as client:
        until = time.monotonic() + seconds + 0.5

        async def work() -> None:
            while time.monotonic() < until:
                async with enter():
                    await client.get("/logs")

        tasks = [asyncio.create_task(work()) for _ in range(workers)]
        await asyncio.sleep(seconds + 0.5)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        result: dict[str, float] = (await client.get("/result")).json()
    return result


def one(contender: str, network: str, workers: int, seconds: float) -> None:
    """Run one contender, in this process, and print what came of it."""
    listening = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    server = multiprocessing.get_context("fork").Process(target=serve, args=(listening, network, seconds))
    server.start()
    try:
        print(json.dumps(asyncio.run(send(contender, url, workers, seconds))))
    finally:
        server.terminate()


async def every(seconds: float, beside: int) -> list[Run]:
    """Run all contenders in all networks, some side by side, each in processes of its own."""
    places = asyncio.Semaphore(beside)

    async def run(contender: str, network: str, workers: int) -> Run:
        async with places:
            command = [sys.executable, "-m", "benchmarks.limiter", "--seconds", str(seconds)]
            command += ["--one", contender, network, str(workers)]
            process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
            printed, _ = await process.communicate()
            result: Run = {"contender": contender, "network": network, "workers": workers, **json.loads(printed)}
            print(json.dumps(result, ensure_ascii=False), flush=True)
            return result

    return await asyncio.gather(*(run(name, *each) for each in RUNS for name in CONTENDERS))


def versions() -> str:
    """Return what was compared."""
    peers = ("aiolimiter", "asynciolimiter", "pyrate-limiter", "async-limiter", "httpx")
    return ", ".join([f"Python {platform.python_version()}", *(f"{name} {version(name)}" for name in peers)])


def table(runs: list[Run], seconds: float) -> str:
    """Return the worst of each contender's runs as a Markdown table."""
    head = ["| 30/s, runs of", f"{seconds:g} s | first second |", " | ".join(NETWORKS), "|"]
    lines = [" ".join(head), "|---|---|" + "---|" * len(NETWORKS)]
    for contender in CONTENDERS:
        own = [run for run in runs if run["contender"] == contender]
        cells = [str(max(run["first"] for run in own))]
        for network in NETWORKS:
            there = [run for run in own if run["network"] == network]
            used, refused = min(run["used"] for run in there), max(run["refused"] for run in there)
            cells.append(f"{used:.1f} %, {refused:.{int(0 < refused < 10)}f}")
        lines.append(f"| {contender} | {' | '.join(cells)} |")
    return "\n".join(lines)


def plot(runs: list[Run], path: Path) -> None:
    """Draw what was used over what was refused."""
    import matplotlib as mpl  # noqa: PLC0415  # late: the 70 processes that run one contender don't draw

    mpl.use("svg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    mpl.rcParams.update({"svg.hashsalt": "workflowkit", "svg.fonttype": "none", "font.size": 9})
    figure, axes = plt.subplots(figsize=(8.5, 4.2), layout="constrained")
    markers = dict(zip(NETWORKS, "os^D", strict=True))
    for number, contender in reversed(list(enumerate(CONTENDERS))):
        for run in (run for run in runs if run["contender"] == contender):
            size = 40 if number == 0 else 25
            axes.scatter(run["refused"], run["used"], s=size, color=f"C{number}", marker=markers[run["network"]])
    for number, contender in enumerate(CONTENDERS):
        axes.scatter([], [], color=f"C{number}", label=re.sub(r"[*`]", "", contender))
    for network, marker in markers.items():
        axes.scatter([], [], color="grey", marker=marker, label=network)
    axes.set_xscale("symlog", linthresh=1)
    axes.set_xlim(left=-0.1)
    axes.set_xticks([0, 1, 10, 100], ["0", "1", "10", "100"])
    axes.set_xlabel("refused, per 1,000 requests")
    axes.set_ylabel("used, % of 30 requests a second")
    axes.set_title("best is top left: all of the rate, never refused", fontsize=9)
    figure.legend(loc="outside right upper", frameon=False, fontsize=8)
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare limiters over HTTP.")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each run")
    parser.add_argument("--beside", type=int, default=2, help="runs at a time")
    parser.add_argument("--one", nargs=3, metavar=("CONTENDER", "NETWORK", "WORKERS"), help="one run only")
    parser.add_argument("--draw", action="store_true", help="run nothing: draw results.json again")
    options = parser.parse_args()
    if options.one:
        contender, network, workers = options.one
        one(contender, network, int(workers), options.seconds)
        return
    if not options.draw:
        runs = asyncio.run(every(options.seconds, options.beside))
        measured = {"seconds": options.seconds, "versions": versions(), "runs": runs}
        if options.seconds != SECONDS:
            print(f"\n{table(runs, options.seconds)}\n\nnot written down: runs of {SECONDS:g} seconds are")
            return
        RESULTS.write_text(json.dumps(measured, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    results = json.loads(RESULTS.read_text(encoding="utf-8"))
    text = f"{table(results['runs'], results['seconds'])}\n\n({results['versions']})"
    print(f"\n{text}")
    plot(results["runs"], RESULTS.with_suffix(".svg"))
    publish("limiter", text)


if __name__ == "__main__":
    main()
