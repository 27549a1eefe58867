"""What a benchmark has found: printed, and written down as a table and, if matplotlib is there, a plot."""

from __future__ import annotations

import importlib.util
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

RESULTS = Path(__file__).with_name("results")
README = Path(__file__).parent.parent / "README.md"
_PEERS = ("aiohttp", "aiolimiter", "attrs", "cattrs", "httpx", "huaweicloudsdksecmaster", "msgspec", "orjson")

Bars = Mapping[str, Mapping[str, float]]
"""For each group of bars, how long each is."""


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows))


def report(name: str, said: str, text: str, *, bars: Bars, axis: str) -> None:
    """Print the text, and write it down under the name with a plot of the bars; `said` is what was measured."""
    print(text)
    RESULTS.mkdir(exist_ok=True)
    drawn = importlib.util.find_spec("matplotlib") is not None
    if drawn:
        _draw(RESULTS / f"{name}.svg", bars, axis)
    picture = f"![{axis}]({name}.svg)\n\n" if drawn else ""
    (RESULTS / f"{name}.md").write_text(f"# {said}\n\n{text}\n\n{picture}({_versions()})\n", encoding="utf-8")
    publish(name, text)


def publish(name: str, text: str) -> None:
    """Put the text where the README shows it, if it does."""
    begin, end = f"<!-- benchmarks/{name} -->", "<!-- end -->"
    readme = README.read_text(encoding="utf-8")
    if begin in readme:
        before, rest = readme.split(begin)
        _, after = rest.split(end, 1)  # ValueError rather than a README that is cut off
        README.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}", encoding="utf-8")


def _versions() -> str:
    found = [f"Python {platform.python_version()}"]
    for name in _PEERS:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)


def _draw(path: Path, bars: Bars, axis: str) -> None:
    import matplotlib as mpl  # noqa: PLC0415  # late: what is measured doesn't draw

    mpl.use("svg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    mpl.rcParams.update({"svg.hashsalt": "workflowkit", "svg.fonttype": "none", "font.size": 9})
    names = list(dict.fromkeys(name for group in bars.values() for name in group))
    high = 0.8 / len(names)
    figure, axes = plt.subplots(figsize=(8.5, 1.2 + 0.2 * len(names) * len(bars)), layout="constrained")
    for number, name in enumerate(names):
        places = [place + number * high for place, group in enumerate(bars.values()) if name in group]
        longs = [group[name] for group in bars.values() if name in group]
        axes.bar_label(axes.barh(places, longs, high, label=name, color=f"C{number}"), fmt="%.2f", padding=2)
    axes.set_yticks([place + 0.4 - high / 2 for place in range(len(bars))], list(bars))
    axes.invert_yaxis()
    axes.margins(x=0.1)
    axes.set_xlabel(axis)
    figure.legend(loc="outside right upper", frameon=False, fontsize=8)
    figure.savefig(path, metadata={"Date": None})
