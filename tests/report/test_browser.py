"""The report in a real browser: it needs the `browser` extra, and a Chromium on the machine."""

from __future__ import annotations

import re
import shutil
from datetime import UTC, datetime

import pytest
from stored import figures_of

from workflowkit import Archive, JodooClient, SecMasterClient, harvest
from workflowkit.report import write_page
from workflowkit.report.sql import statements
from workflowkit.report.wording import duration
from workflowkit.sandbox import Sandbox, World
from workflowkit.sandbox.world import APP_ID
from workflowkit.secmaster import AccessKey

playwright = pytest.importorskip("playwright.async_api", reason="the browser extra isn't installed")
axe = pytest.importorskip("axe_playwright_python.async_playwright", reason="the browser extra isn't installed")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
QUIET = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine"),
]


@pytest.fixture
def company():
    with Sandbox(World(200, until=datetime(2026, 6, 1, 12, tzinfo=UTC)), limited=False) as sandbox:
        yield sandbox


@pytest.fixture
async def report(company, tmp_path):
    """A report of the sandbox's company, and the figures of its SQL."""
    env = company.env
    key = AccessKey(env["HUAWEICLOUD_SDK_AK"], env["HUAWEICLOUD_SDK_SK"])
    place = {"project_id": env["HUAWEICLOUD_SDK_PROJECT_ID"], "workspace_id": env["SECMASTER_WORKSPACE_ID"]}
    async with (
        Archive.open(tmp_path / "a.db") as archive,
        JodooClient(env["JODOO_API_KEY"], base_url=env["JODOO_BASE_URL"], rate=None) as jodoo,
        SecMasterClient(key, base_url=env["SECMASTER_BASE_URL"], rate=None, **place) as secmaster,
    ):
        await harvest([jodoo.form_source(APP_ID, tasks=True), secmaster.workspace_source(topology=True)], archive)
        await write_page(archive, str(tmp_path / "report.html"), zone=UTC)
        sql = await statements(archive, UTC)
    return tmp_path / "report.html", figures_of(tmp_path / "a.db", sql)


@pytest.mark.parametrize(("width", "scheme"), [(1200, "light"), (1200, "dark"), (390, "light")])
async def test_it_is_whole_silent_and_accessible(report, width, scheme):
    page_file, figures = report
    said, requested = [], []
    async with playwright.async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        context = await browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        page = await context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: requested.append(request.url))
        await page.goto(page_file.as_uri())
        wider = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert await page.evaluate(wider) == 0, "it scrolls sideways"
        assert await page.evaluate(_CUT) == []
        first = await page.locator("ol.out li").first.inner_text()
        assert (said, requested) == ([], [page_file.as_uri()])
        await context.close()
        # The page's own policy lets nothing in, so the checker needs a context that ignores it.
        context = await browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, bypass_csp=True
        )
        page = await context.new_page()
        await page.goto(page_file.as_uri())
        found = await axe.Axe().run(page)
        assert found.response["violations"] == []
        await browser.close()
    step = figures["waits"][0]
    assert f"at {step['activity']}" in first
    assert f"over {duration(step['median'])}, one in ten over {duration(step['p90'])}" in first
    assert re.search(rf"it is {step['share']:.0%} of all waiting".replace("%", " %"), first)


_CUT = """
() => [...document.querySelectorAll("td, th, h2, h3, li, p, dd")].filter(
    each => each.scrollWidth > each.clientWidth + 1 && getComputedStyle(each).display !== "inline"
        && each.clientWidth > 0 && !each.closest("thead") && each.querySelector("svg") === null
).map(each => each.outerHTML.slice(0, 120))
"""
"""The elements whose text is wider than they are."""


async def test_it_prints(report, tmp_path):
    page_file, _ = report
    async with playwright.async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        page = await browser.new_page(color_scheme="dark")
        await page.goto(page_file.as_uri())
        await page.emulate_media(media="print")
        background = await page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert background == "rgb(255, 255, 255)", "paper is white, whatever the screen was"
        printed = await page.pdf(format="A4", print_background=True)
        assert printed.startswith(b"%PDF")
        await browser.close()
