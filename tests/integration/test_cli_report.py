"""`workflowkit report`, and one instance on a timeline: the same figures on the terminal, as JSON and as a page."""

from __future__ import annotations

import json
import os
import pty
import re
import sqlite3
import subprocess
import sys
import termios
from contextlib import closing, suppress

import pytest

from workflowkit.sandbox.story import PEOPLE
from workflowkit.sandbox.world import APP_ID, FORMS

PURCHASES = next(iter(FORMS))


@pytest.fixture
def harvested(shell):
    """An archive of both systems."""
    shell("harvest", "jodoo", "--app", APP_ID, "--with", "tasks", "--archive", "a.db", "--rate", "none")
    shell("harvest", "secmaster", "--topology", "--archive", "a.db", "--rate", "none")
    return shell


def on_a_terminal(shell, columns, *arguments, **env):
    """Run a command on a terminal of so many columns, and return what it shows, without its colours."""
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (40, columns))
    variables = {name: value for name, value in shell.env.items() if name != "COLUMNS"} | {"TERM": "xterm"} | env
    command = [sys.executable, "-m", "workflowkit", *arguments]
    shown = b""
    with subprocess.Popen(command, env=variables, stdin=slave, stdout=slave, stderr=slave, cwd=shell.folder):
        os.close(slave)
        with suppress(OSError):
            while chunk := os.read(master, 65536):
                shown += chunk
    os.close(master)
    return re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", shown.decode()).replace("\r", "")


def test_the_terminal_the_page_and_json_say_the_same(harvested):
    code, out, err = harvested("report", "a.db", "--tz", "Asia/Shanghai")
    assert (code, err) == (0, "more is on the page: --to report.html\n")
    lines = out.splitlines()
    first = next(line for line in lines if line.startswith("1. "))
    assert first.startswith("1. Half of all approvals at ")
    assert "times in Asia/Shanghai (UTC+08:00)" in out
    assert {"Where approvals wait", "Who is waited for", "Playbook nodes that fail"} <= set(lines)
    code, out, _ = harvested("report", "a.db", "--json")
    found = json.loads(out)
    assert found["headlines"][0] == first.removeprefix("1. ")
    assert found["scope"]["cases"] == 60
    assert found["scope"]["as_of"].endswith("Z")
    code, out, err = harvested("report", "a.db", "--to", "r.html", "--utc")
    assert (code, out, err) == (0, "", "r.html: 60 cases and 120 playbook runs\n")
    assert first.removeprefix("1. ") in (harvested.folder / "r.html").read_text("utf-8")
    assert harvested("report", "a.db", "--to", "-", "--utc")[1].startswith("<!doctype html>")


def test_the_sql_runs_in_any_tool_and_has_the_figures(harvested):
    sql = harvested("report", "a.db", "--sql", "--tz", "Europe/Berlin")[1]
    assert re.search(r"\('2024-03-31T01:00:00\.000Z', 120\)", sql), "summer time begins then"
    with closing(sqlite3.connect(f"file:{harvested.folder}/a.db?mode=ro", uri=True)) as connection:
        connection.executescript(sql)
    first = json.loads(harvested("report", "a.db", "--json")[1])["waits"][0]
    names = ["scope", "waits", "people", "hours", "open", "again", "paths", "weeks", "playbooks"]
    assert re.findall(r"-- name: (\w+)", sql) == names
    assert first["decided"] > 0


def test_what_is_chosen(harvested):
    found = json.loads(harvested("report", "a.db", "--json", "--form", PURCHASES)[1])
    assert (found["scope"]["cases"], found["scope"]["runs"]) == (30, 0)
    found = json.loads(harvested("report", "a.db", "--json", "--since", "2025-01-01")[1])
    assert (found["scope"]["cases"], found["scope"]["runs"]) == (0, 118), "two have no time at all"
    (harvested.folder / "off.txt").write_text("2024-01-10  # a holiday\n\n2024-01-11\n")
    arguments = ("--hours", "9-18", "--days", "mon-sat", "--holidays", "off.txt", "--no-names")
    found = json.loads(harvested("report", "a.db", "--json", *arguments)[1])
    assert found["hours"] == "9-18 mon-sat"
    assert found["day"] == 9 * 3600
    assert all(person["person"].startswith("person ") for person in found["people"])
    code, out, err = harvested("report", "a.db", "--since", "7d")
    assert (code, out) == (2, "")
    assert "no harvested instance fits since=" in err


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("none.db",), 1, "there is no archive here"),
        (("a.db", "--to", "r.pdf"), 2, "ends in .html"),
        (("a.db", "--to", "no/r.html"), 1, "can't be written"),
        (("a.db", "--to", "/dev/full"), 2, "ends in .html"),
        (("a.db", "--tz", "Mars/One"), 2, "time zone 'Mars/One': there is none"),
        (("a.db", "--tz", "../../etc/passwd"), 2, "there is none"),
        (("a.db", "--tz", "Asia/Shanghai", "--utc"), 2, "either --tz ZONE or --utc"),
        (("a.db", "--hours", "18-9"), 2, "end after they begin"),
        (("a.db", "--hours", "9-18", "--days", "someday"), 2, "written as mon-fri"),
        (("a.db", "--holidays", "x"), 2, "go with --hours"),
        (("a.db", "--days", "mon-fri"), 2, "go with --hours"),
        (("a.db", "--title", "x"), 2, "goes with --to"),
        (("a.db", "--form", "nix", "--to", "r.html"), 2, "no harvested instance fits form=nix"),
        (("a.db", "--since", "2025-01-02", "--until", "2025-01-01"), 2, "is not before until="),
        (("a.db", "--since", "0001-01-01", "--tz", "Asia/Shanghai"), 2, "is no time such as 7d"),
        (("a.db", "--instance", "x", "--form", "y"), 2, "--form doesn't go with --instance"),
        (("a.db", "--sql", "--tenant", "y"), 2, "--tenant doesn't go with --sql"),
        (("a.db", "--hours", "9-18", "--holidays", "x"), 2, "x: can't be read"),
        (("a.db", "--hours", "9-18", "--holidays", "bad.txt"), 2, "bad.txt, line 2: 'May 1st' is no date"),
        (("a.db", "--since", "tomorrow"), 2, "is no time such as 7d"),
        (("a.db", "--instance", "nobody"), 2, "no harvested instance of that id"),
        (("a.db", "--instance", "x", "--sql"), 2, "pass only one of --to, --instance and --sql"),
    ],
)
def test_used_wrongly(shell, arguments, code, says):
    shell("harvest", "jodoo", "--ids", "-", "--archive", "a.db", text="6500cba9000000000000000c")
    (shell.folder / "bad.txt").write_text("2025-01-01\nMay 1st\n")
    returned, out, err = shell("report", *arguments)
    assert (returned, out) == (code, "")
    assert says in err
    assert not [path for path in shell.folder.iterdir() if path.suffix in {".part", ".html", ".pdf"}]


def test_an_archive_that_is_being_written_to(shell, free):
    shell("harvest", "jodoo", "--app", APP_ID, "--with", "tasks", "--archive", "a.db", "--rate", "none")
    process = shell.start("harvest", "jodoo", "--app", APP_ID, "--archive", "a.db", "--refresh", "--rate", "5")
    code, _out, _ = shell("report", "a.db", "--to", "r.html")
    assert (code, (shell.folder / "r.html").read_bytes()[-7:]) == (0, b"</html>")
    process.terminate()
    process.communicate()


def test_one_renderer_draws_every_timeline(harvested, free):
    instance = list(free.world.instance_ids(PURCHASES))[20]
    tasks = free.world.instance(*free.world.find(instance), free.url, tasks=True)["tasks"]
    archived = harvested("report", "a.db", "--instance", instance, "--utc")[1]
    asked = harvested("jodoo", "instance", instance, "--tasks", "--utc")[1]
    rows = [line.split("  ")[0].strip() for line in archived.splitlines()[4:] if line.strip()]
    assert rows == [task["flow_name"] for task in tasks]
    assert archived.splitlines()[2:] == asked.splitlines()[-len(archived.splitlines()) + 2 :]
    assert "█" not in archived, "plain in a pipe"
    logs = harvested("jodoo", "logs", instance, "--tz", "Asia/Tokyo")[1]
    assert "started (UTC+09:00)" in logs
    run = harvested("secmaster", "instance", "8eed56de-7aaf-4732-baaf-000000000073", "--topology", "--utc")[1]
    assert re.search(r"queryAddress +failed +2025-07-01 13:25 ", run)


@pytest.mark.parametrize("columns", [160, 100, 60])
def test_a_timeline_on_a_terminal_is_as_wide_as_it(harvested, free, columns):
    wide = free.world.edge_cases()["non-ascii"]
    shown = on_a_terminal(harvested, columns, "jodoo", "logs", wide)
    from rich.cells import cell_len

    lines = shown.splitlines()
    assert max(map(cell_len, lines)) <= columns
    if columns == 160:
        assert "总经理审批" in shown
        bars = [line.index("█") for line in lines if "█" in line]
        assert len(bars) == 3
        assert bars == sorted(bars), "each begins after the one before"
    ascii_only = on_a_terminal(harvested, 160, "jodoo", "logs", wide, PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert "█" not in ascii_only
    assert "#" in ascii_only


def test_failed_runs_with_the_node_that_failed(shell, free):
    code, out, _ = shell("secmaster", "instances", "--failed-at", "--utc")
    failing = [number for number in range(free.workspace.size) if free.workspace._fails(number)]
    assert (code, out.startswith(f"{len(failing)} instances")) == (0, True)
    assert re.search(r"Block an attacking address +2025-07-01 13:25 +queryAddress +The address service did not", out)
    code, out, _ = shell("secmaster", "instances", "--failed-at", "--since", "2025-07-01T13:00", "--utc", "--json")
    found = [json.loads(line) for line in out.splitlines()]
    assert all(each["status"] == "FAILED" and each["topology"]["audit_logs"] for each in found)
    code, _, err = shell("secmaster", "instances", "--failed-at", "--status", "FINISHED")
    assert (code, "doesn't go with --status FINISHED" in err) == (2, True)


def test_exports_of_some_instances_and_columns(harvested):
    purchases = ("--table", "events", "--where", f"form={PURCHASES}")
    code, out, err = harvested("export", "a.db", "--to", "e.parquet", *purchases)
    assert (code, out, "rows of events written to e.parquet" in err) == (0, "", True)
    late = ("--where", "system=secmaster", "--where", "since=2025-07-01T21:00+08:00")
    nodes = ("--table", "nodes", "--columns", "action_name,status")
    code, out, _ = harvested("export", "a.db", "--to", "-", "--format", "csv", *nodes, *late)
    assert (code, out.splitlines()[0]) == (0, "action_name,status")
    code, out, err = harvested("export", "a.db", "--to", "e.xes.gz", "--where", "system=jodoo", "--json")
    assert (code, json.loads(out)["table"]) == (0, "events")
    for where, says in (
        ("form", "write NAME=VALUE"),
        ("colour=red", "with one of form, tenant, system, since, until"),
        ("since=tomorrow", "is no time such as"),
    ):
        code, _, err = harvested("export", "a.db", "--to", "no.csv", "--where", where)
        assert (code, says in err) == (2, True)
    code, _, err = harvested("export", "a.db", "--to", "no.csv", "--where", "form=a", "--where", "form=b")
    assert (code, "is there twice" in err) == (2, True)


def test_an_archive_without_instances_has_an_honest_report(shell, free):
    free.world.size = 0
    shell("harvest", "jodoo", "--app", APP_ID, "--form", PURCHASES, "--archive", "a.db")
    code, out, _ = shell("report", "a.db")
    assert (code, out) == (0, "The archive has no harvested instance that fits.\n\nNothing to say yet.\n")
    code, _, err = shell("report", "a.db", "--to", "r.html")
    assert (code, err) == (0, "r.html: 0 cases and 0 playbook runs\n")
    assert "Nothing to say yet." in (shell.folder / "r.html").read_text("utf-8")


def test_without_names_one_instance_has_none_either(harvested, free):
    instance = list(free.world.instance_ids(PURCHASES))[20]
    named = harvested("report", "a.db", "--instance", instance)[1]
    hidden = harvested("report", "a.db", "--instance", instance, "--no-names")[1]
    assert any(name in named for _, name in PEOPLE)
    assert not any(name in hidden for _, name in PEOPLE)
    assert "person " in hidden
