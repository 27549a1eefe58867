"""What goes to stdout is data: exact, printable, and missed if it can't be written."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import workflowkit

APP = "6573f1c2a9d4e80007b1c001"
HARVEST = ("harvest", "jodoo", "--app", APP, "--archive", "a.db", "--rate", "none")
ODD = "\x1b]52;c;Y2FuYXJ5\x07 \x1b[31m \x9b31m \u202ecod.exe \r over"


def raw(shell, *arguments, redirect="", **env):
    """Run a command by a shell, and return exit code, stdout and stderr as bytes."""
    line = f'exec "$0" -m workflowkit {" ".join(arguments)} {redirect}'
    done = subprocess.run(
        ["sh", "-c", line, sys.executable],
        cwd=shell.folder,
        env={**shell.env, **env},
        capture_output=True,
        timeout=50,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("encoding", ["gbk", "cp1252", "ascii"])
def test_data_is_utf_8_whatever_the_locale(shell, encoding):
    assert shell(*HARVEST)[0] == 0
    for form in ("jsonl", "csv"):
        export = ("export", "a.db", "--to", "-", "--format", form, "--table", "events")
        exact = raw(shell, *export)[1]
        assert raw(shell, *export, PYTHONIOENCODING=encoding)[1] == exact
        assert "总经理审批".encode() in exact
        assert b"\r\r\n" not in exact


@pytest.mark.parametrize("command", [("status", "a.db", "--json"), ("status", "a.db"), ("config",), ("plan", "--help")])
def test_a_closed_stdout_is_no_success(shell, command):
    assert shell(*HARVEST)[0] == 0
    code, _, err = raw(shell, *command, redirect=">&-")
    if command[-1] != "--help":
        assert (code, b"stdout is closed" in err) == (1, True)


def test_without_stderr_a_harvest_goes_on(shell):
    assert raw(shell, *HARVEST, redirect="2>&-")[0] == 0
    assert json.loads(shell("status", "a.db", "--json")[1])["done"] == 60


def test_a_full_stdout_is_said(shell):
    assert shell(*HARVEST)[0] == 0
    code, _, err = raw(shell, "status", "a.db", "--json", redirect="> /dev/full")
    assert (code, b"No space left" in err) == (1, True)


def test_what_a_service_writes_controls_no_terminal(shell, free, monkeypatch):
    logs = free.world.logs
    monkeypatch.setattr(
        free.world, "logs", lambda *which: [{**log, "comment": ODD, "flow_name": ODD} for log in logs(*which)]
    )
    one = free.world.edge_cases()["one log"]
    for arguments in (("jodoo", "logs", one), ("jodoo", "logs", one, "--json")):
        code, out, _ = raw(shell, *arguments)
        text = out.decode()
        assert code == 0
        assert all(character.isprintable() or character == "\n" for character in text)
    assert json.loads(text)["comment"] == ODD, "and as data it is as it was"


def test_nor_does_what_it_writes_into_an_error(shell, free, monkeypatch):
    from workflowkit.sandbox.faults import refusal

    monkeypatch.setattr(free.jodoo, "answer", lambda call: refusal(17017, ODD + "x" * 1_000_000))
    code, _, err = raw(shell, "jodoo", "logs", "6500cba90000000000000031")
    assert code == 1
    assert all(character.isprintable() or character == "\n" for character in err.decode())
    assert len(err) < 5000


@pytest.mark.parametrize(
    "command",
    [
        ("export", "a.db", "--to", "URL"),
        ("status", "URL"),
        ("verify", "URL"),
        ("attachments", "URL"),
        ("plan", "jodoo", "--app", APP, "--archive", "URL"),
        ("harvest", "jodoo", "--ids", "URL", "--archive", "a.db"),
        ("harvest", "jodoo", "--app", APP, "--archive", "URL"),
        ("harvest", "jodoo", "--app", APP, "--archive", "a.db", "--attachments", "URL"),
        ("doctor", "--archive", "URL"),
        ("demo", "--archive", "URL"),
    ],
)
def test_a_url_in_place_of_a_path_is_refused_and_its_password_not_shown(shell, command):
    url = "postgresql://me:canary@db.example/approvals?password=canary"
    code, out, err = shell(*(url if each == "URL" else each for each in command))
    assert (code, "canary" in out + err, "is a URL: pass a path" in err) == (2, False, True)


def test_what_has_no_end_of_line_is_no_list_of_ids(shell):
    code, _, err = shell("harvest", "jodoo", "--ids", "/dev/zero", "--archive", "a.db")
    assert (code, "line 1: is longer than any id" in err) == (2, True)


def test_an_export_follows_no_link_and_keeps_rights(shell):
    assert shell(*HARVEST)[0] == 0
    theirs = shell.folder / "theirs.txt"
    theirs.write_text("mine")
    (shell.folder / "out.csv.part").symlink_to(theirs)
    target = shell.folder / "out.csv"
    target.write_text("old")
    target.chmod(0o644)
    if os.geteuid() == 0:
        os.chown(target, 1234, 1234)
    before = target.stat()
    assert shell("export", "a.db", "--to", "out.csv")[0] == 0
    assert theirs.read_text() == "mine"
    after = target.stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    assert after.st_size > 1000


def test_every_command_is_imported_by_a_statement_that_tools_which_pack_programs_find():
    package = Path(workflowkit.__file__).parent
    for folder in (package / "cli", package):
        imported = {
            str(node.module).rpartition(".")[2]
            for path in folder.rglob("*.py")
            for node in ast.walk(ast.parse(path.read_text("utf-8")))
            if isinstance(node, ast.ImportFrom)
        }
        assert {path.stem for path in folder.glob("*.py")} - {"__init__", "__main__", "testing"} <= imported
