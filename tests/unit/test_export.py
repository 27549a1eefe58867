from __future__ import annotations

import csv

import pytest
from given import log_row, put

from workflowkit import Archive, ConfigError
from workflowkit.export import export_to, format_of


async def test_csv_keeps_every_line_end_within_its_cell(tmp_path):
    comments = ["one\rtwo", "one\ntwo", "one\r\ntwo", 'quoted "x", y', ""]
    rows = [log_row(position, comment=comment) for position, comment in enumerate(comments)]
    async with Archive.open(tmp_path / "a.db") as archive:
        await put(archive, "i", *rows)
        assert await export_to(archive, "logs", str(tmp_path / "a.csv"), "csv") == 5
    with (tmp_path / "a.csv").open(newline="", encoding="utf-8") as lines:
        assert [row["comment"] for row in csv.DictReader(lines)] == comments


@pytest.mark.parametrize(
    ("to", "chosen", "form"), [("a.CSV", None, "csv"), ("a.jsonl", None, "jsonl"), ("-", "csv", "csv")]
)
def test_the_ending_says_the_format_unless_one_is_chosen(to, chosen, form):
    assert format_of(to, chosen) == form


@pytest.mark.parametrize("to", ["-", "a", "a.xlsx"])
def test_other_endings_are_named(to):
    with pytest.raises(ConfigError, match="--format"):
        format_of(to)
