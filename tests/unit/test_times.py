"""Windows as people write them: so long ago, a day, or a time."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import click
import pytest

from workflowkit.cli.times import parse_time

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2025, 3, 31, 9, 15, 30, 5, tzinfo=UTC)  # the day after clocks were set forward


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0d", "2025-03-31T00:00:00+02:00"),
        ("7d", "2025-03-24T00:00:00+01:00"),
        ("2w", "2025-03-17T00:00:00+01:00"),
        ("12h", "2025-03-30T23:00:00+02:00"),
        ("90m", "2025-03-31T09:45:00+02:00"),
        ("today", "2025-03-31T00:00:00+02:00"),
        ("yesterday", "2025-03-30T00:00:00+01:00"),
        ("2025-07-18", "2025-07-18T00:00:00+02:00"),
        ("2025-07-18T15:11:04", "2025-07-18T15:11:04+02:00"),
        ("2025-07-18T15:11:04+08:00", "2025-07-18T15:11:04+08:00"),
        ("2025-07-18T15:11:04.000Z+0800", "2025-07-18T15:11:04+08:00"),
    ],
)
def test_a_window_begins(text, expected):
    assert parse_time(text, BERLIN, NOW).isoformat() == expected


def test_the_same_window_all_day_long():
    assert parse_time("7d", BERLIN, NOW) == parse_time("7d", BERLIN, NOW.replace(hour=20))


@pytest.mark.parametrize(
    "text", ["", "tomorrow", "999999w", "7", "7x", "-1d", "2025-13-01", "0001-01-01", "9999-12-31T23:59"]
)
def test_what_is_no_time(text):
    with pytest.raises(click.UsageError, match="is no time such as 7d"):
        parse_time(text, ZoneInfo("Asia/Shanghai" if text < "5" else "America/New_York"), NOW)
