"""Draws the README's picture of a report: the sandbox's company, harvested and looked at in a browser.

Run: python -m benchmarks.picture
It needs the `browser` extra and a Chromium.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from playwright.async_api import async_playwright

from workflowkit import AccessKey, Archive, JodooClient, SecMasterClient, harvest
from workflowkit.report import write_page
from workflowkit.sandbox import Sandbox, World
from workflowkit.sandbox.world import APP_ID

PICTURE = Path(__file__).parent / "results" / "report.png"
CASES = 1200
ZONE = ZoneInfo("Asia/Shanghai")


async def draw(sandbox: Sandbox, folder: Path) -> None:
    """Harvest the company, write its report, and take a picture of its first screen."""
    env = sandbox.env
    key = AccessKey(env["HUAWEICLOUD_SDK_AK"], env["HUAWEICLOUD_SDK_SK"])
    async with (
        Archive.open(folder / "a.db") as archive,
        JodooClient(env["JODOO_API_KEY"], base_url=env["JODOO_BASE_URL"], rate=None) as jodoo,
        SecMasterClient(
            key,
            base_url=env["SECMASTER_BASE_URL"],
            project_id=env["HUAWEICLOUD_SDK_PROJECT_ID"],
            workspace_id=env["SECMASTER_WORKSPACE_ID"],
            rate=None,
        ) as secmaster,
    ):
        await harvest([jodoo.form_source(APP_ID, tasks=True), secmaster.workspace_source(topology=True)], archive)
        await write_page(archive, str(folder / "report.html"), zone=ZONE, title="An invented company")
    async with async_playwright() as driver:
        chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
        browser = await driver.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = await browser.new_page(viewport={"width": 1000, "height": 1180})
        await page.goto((folder / "report.html").as_uri())
        await page.screenshot(path=PICTURE)
        await browser.close()


if __name__ == "__main__":
    with (
        Sandbox(World(CASES, until=datetime.now(ZONE)), limited=False) as running,
        tempfile.TemporaryDirectory() as made,
    ):
        asyncio.run(draw(running, Path(made)))
    print(PICTURE)
