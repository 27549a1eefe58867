"""A crash at every statement that the writer executes: what is there afterwards is whole, and the rest is done."""

from __future__ import annotations

from pathlib import Path

import pytest
from dying import figures_of

HARVESTS = Path(__file__).with_name("crashing.py")


@pytest.mark.long
def test_a_crash_at_every_statement_of_the_writer(tmp_path):
    crashes, differing = figures_of(HARVESTS, tmp_path)
    assert crashes > 70
    assert differing == 0
