from __future__ import annotations

import pytest
from given import Given

from workflowkit.harvesting import plan


@pytest.mark.parametrize(("more", "outlives"), [(0, False), (1, True)])
async def test_15_552_000_requests_are_exactly_the_six_days_that_links_live(more, outlives):
    each = 15_552_000 // 10
    source = Given({str(number): [] for number in range(10)}, rate=30.0, link_days=6, requests_each=each + more)
    made = await plan(source)
    assert made.requests == 15_552_000 + 10 * more
    assert made.seconds == pytest.approx(6 * 86_400, rel=1e-6)
    assert made.outlives_links is outlives


async def test_what_has_no_links_or_no_limit_outlives_none():
    assert not (await plan(Given({"i": []}, rate=1e-9))).outlives_links
    assert not (await plan(Given({"i": []}, rate=None, link_days=6))).outlives_links
