"""The report as a page: one file that loads nothing, runs nothing, and says nothing that it can't know."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import html
import re
import stat
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from zoneinfo import ZoneInfo

import pytest
from invented import MONDAY, case, commented, log, node, run, store, task

from workflowkit import Archive, ConfigError, HarvestError
from workflowkit.report import WorkingHours, analyse, render, write_page
from workflowkit.report.sentences import headlines, notes
from workflowkit.report.wording import duration, share

BAD = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&\x1b[31m\u202e"


class Page(HTMLParser):
    """What a page is made of."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.texts, self.ids, self.targets = [], set(), [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}
        found = dict(attrs)
        if "id" in found:
            self.ids.append(found["id"])
        if "href" in found:
            self.targets.append(found["href"])

    def handle_data(self, data):
        self.texts.append(data)


def company(cases, steps=3, **fields):
    """Return cases that all took the way of their number."""
    return [
        case(n, *(task(p, MONDAY + timedelta(hours=5 * n + p), 1 + n % 7, **fields) for p in range(steps)))
        for n in range(cases)
    ]


async def page_of(tmp_path, told, system="jodoo", **chosen):
    async with Archive.open(tmp_path / "a.db") as archive:
        await store(archive, told, system=system)
        report = await analyse(archive, **{"zone": UTC, **chosen})
    return report, await asyncio.to_thread(render, report, zone=UTC, title="A title")


async def test_it_loads_nothing_and_runs_nothing(tmp_path):
    _, text = await page_of(tmp_path, company(40))
    page = Page(text)
    assert not {"script", "link", "img", "iframe", "object", "form", "text", "details"} & set(page.tags)
    assert not {name for name in page.attributes if name.startswith("on") or name in {"style", "src", "viewbox"}}
    assert all(target.startswith("#") and target[1:] in page.ids for target in page.targets)
    assert len(page.ids) == len(set(page.ids))
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'sha256-{digest}'" in text
    assert "url(" not in style
    assert "http" not in style


async def test_what_people_wrote_is_text_wherever_it_comes(tmp_path):
    told = company(60, flow_name=f"step {BAD}", assignee_name=f"who {BAD}", finish_action=f"how {BAD}")
    told.append(case("x", task(0, MONDAY, None, flow_name=f"step {BAD}", assignee_name=f"who {BAD}")))
    for each in told:
        each.ref = type(each.ref)(id=each.ref.id, form_id=f"form {BAD}", is_open=each.ref.is_open)
    await page_of(tmp_path, told)
    failing = node(0, "FAILED", action_name=f"node {BAD}", error_msg=f"error {BAD}")
    _, text = await page_of(tmp_path, [run(1, failing, workflow_name=f"flow {BAD}")], "secmaster")
    for name in ("step", "who", "how", "form", "node", "error", "flow"):
        assert f"{name} &lt;script&gt;" in text, name
    assert not {"script", "img"} & set(Page(text).tags)
    assert "\x1b" not in text
    assert "\u202e" not in text


@pytest.mark.parametrize("cases", [0, 1, 2, 10, 300])
async def test_few_cases_look_as_good_as_many(tmp_path, cases):
    report, text = await page_of(tmp_path, company(cases))
    shown = " ".join(" ".join(Page(text).texts).split())
    assert not re.search(r"\b1 (cases|steps|runs|paths|days wait)\b|\bNone\b|\bnan\b|undefined", shown)
    assert ("Nothing to say yet." in shown) == (not cases)
    assert ("1 case with 3 steps" in shown) == (cases == 1)
    assert ('<h2 id="again">' in text) == (cases > 0)
    assert ("Half of all approvals" in shown) == (cases >= 10 or 3 * cases >= 10)
    assert report.scope.cases == cases


async def test_its_size_does_not_grow_with_the_archive(tmp_path):
    told = [
        case(n, *(task(p, MONDAY + timedelta(hours=n + p), n % 9, flow_name=f"step {n % 97}", assignee_name=f"who {n}",
             assignee_username=f"u{n}") for p in range(5)))
        for n in range(900)
    ]  # fmt: skip
    _, text = await page_of(tmp_path, told)
    assert len(text.encode()) < 100_000


async def test_logs_alone_say_so_and_draw_no_paths(tmp_path):
    told = [commented(n, log(0, MONDAY + timedelta(hours=n), 5)) for n in range(60)] + [commented("none")]
    report, text = await page_of(tmp_path, told)
    (note,) = notes(report)
    assert "--with tasks" in note
    assert "1 case is without any comment" in note
    assert note.replace("`", "") in html.unescape(re.sub("</?code>", "", text))
    assert not {"people", "again", "paths"} & set(Page(text).ids)
    assert "Of all waiting" not in text
    assert next(sentence for _, sentence in headlines(report)).startswith("Half of the commented approvals at Finance")


async def test_a_mixed_archive_says_how_many_are_complete(tmp_path):
    told = [*company(2), *(commented(f"l{n}", log(0, MONDAY, 5)) for n in range(3))]
    report, _ = await page_of(tmp_path, told)
    assert next(iter(notes(report))).startswith("Of 5 cases, only 2 have all their steps.")


async def test_runs_without_nodes_say_what_brings_them(tmp_path):
    told = [run(1)]
    told[0].kinds = ()
    report, _ = await page_of(tmp_path, told, "secmaster")
    assert list(notes(report)) == [
        "1 playbook run is here without nodes. `workflowkit harvest secmaster --topology ...` brings them."
    ]


async def test_working_hours_are_said_where_they_count(tmp_path):
    _, text = await page_of(tmp_path, company(20), hours=WorkingHours.parse("9-18"))
    assert "working hours 9-18 mon-fri" in text
    assert "Calendar median" in text
    assert "A working day is 9.0 h long." in text


async def test_times_are_those_of_the_zone(tmp_path):
    late = datetime(2025, 1, 6, 20, tzinfo=UTC)
    async with Archive.open(tmp_path / "a.db") as archive:
        await store(archive, [case(1, task(0, late, 1))])
        shanghai = ZoneInfo("Asia/Shanghai")
        report = await analyse(archive, zone=shanghai)
        assert "2025-01-07" in await asyncio.to_thread(render, report, zone=shanghai, title="A title")
        assert report.zone == "Asia/Shanghai (UTC+08:00)"
        assert (report.week[0].weekday, report.week[0].hour) == (1, 4)


async def test_it_is_written_whole_or_not_at_all_and_for_its_owner_only(tmp_path):
    async with Archive.open(tmp_path / "a.db") as archive:
        await store(archive, company(3))
        await write_page(archive, str(tmp_path / "r.html"), zone=UTC)
        page = (tmp_path / "r.html").read_bytes()
        assert page.endswith(b"</html>")
        assert stat.S_IMODE((tmp_path / "r.html").stat().st_mode) == 0o600
        with pytest.raises(HarvestError, match="can't be written"):
            await write_page(archive, str(tmp_path / "none" / "r.html"))
        with pytest.raises(ConfigError, match=r"ends in \.html"):
            await write_page(archive, str(tmp_path / "r.pdf"))
        await archive.__aexit__(None, None, None)
        with pytest.raises(HarvestError):
            await write_page(archive, str(tmp_path / "r.html"))
    assert (tmp_path / "r.html").read_bytes() == page
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix != ".db") == ["r.html"]


@pytest.mark.parametrize(
    ("seconds", "day", "text"),
    [
        (None, None, ""),
        (0, None, "0 s"),
        (0.05, None, "< 0.1 s"),
        (3.92, None, "3.9 s"),
        (59.4, None, "59 s"),
        (59.6, None, "1 min"),
        (60, None, "1 min"),
        (5399, None, "90 min"),
        (5400, None, "1.5 h"),
        (35_820, None, "10 h"),
        (172_799, None, "48 h"),
        (172_800, None, "2.0 days"),
        (859_679, None, "9.9 days"),
        (859_680, None, "10 days"),
        (86_400_000, None, "1,000 days"),
        (64_800, 32_400, "2.0 working days"),
    ],
)
def test_durations(seconds, day, text):
    assert duration(seconds, day) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0 %"), (0.001, "< 1 %"), (0.01, "1 %"), (0.5, "50 %"), (0.994, "> 99 %"), (1, "100 %")],
)
def test_shares(value, text):
    assert share(value) == text


@pytest.mark.parametrize("cases", [0, 3, 12])
async def test_it_is_a_page_when_nothing_waited(tmp_path, cases):
    told = [case(n, task(0, MONDAY, None if n % 2 else 0)) for n in range(cases)]
    _, text = await page_of(tmp_path, told)
    assert text.endswith("</html>")


async def test_a_page_of_long_names_stays_small_and_says_how_much_is_left_out(tmp_path):
    told = []
    for n in range(120):
        who = {"assignee_name": f"{n % 40} 王" * 90, "assignee_username": f"u{n % 40}", "finish_action": "back"}
        at = MONDAY + timedelta(hours=n)
        told.append(case(n, *(task(p, at + timedelta(hours=7 * p), 5 + n % 9, flow_name=f"{n % 5}{p} 审批" * 60, **who)
                              for p in range(26))))  # fmt: skip
    await page_of(tmp_path, told)
    failing = [run(n, node(0, "FAILED", action_name=f"n{n} " * 99, error_msg="e" * 999)) for n in range(20)]
    _, text = await page_of(tmp_path, failing, "secmaster")
    assert 40_000 < len(text.encode()) < 100_000
    assert "more steps" in text
    assert "\u2026" in text
