"""Files of a harvest as people save, look up, check and retry them, against the sandbox's own file host."""

from __future__ import annotations

import hashlib
import json
import time

import pytest

from workflowkit.sandbox import Sandbox, World
from workflowkit.sandbox.files import Files, key_of, quote, signature

APP = "6573f1c2a9d4e80007b1c001"
HARVEST = ("harvest", "jodoo", "--app", APP, "--archive", "a.db", "--rate", "none")
SAVING = (*HARVEST, "--attachments", "files")


def test_save_status_look_up_verify(shell, free):
    code, out, err = shell(*SAVING)
    assert (code, out) == (0, "")
    assert "files saved into files, " in err
    answered = free.world.files.answered["files"]
    code, out, _ = shell("attachments", "a.db", "--json")
    told = json.loads(out)
    assert (code, told["saved"], told["waiting"], told["lost"], told["differing"]) == (0, answered, 0, 0, 0)
    contents = {key_of(make(number)): make(number) for make in (signature, quote) for number in range(100)}
    for file in told["files"]:
        content = (shell.folder / file["path"]).read_bytes()
        assert content == contents[file["link"].rpartition("/")[2]]
        assert (file["sha256"], file["bytes"]) == (hashlib.sha256(content).hexdigest(), len(content))
    assert {file["name"] for file in told["files"]} == {"quote.txt", None}
    assert "token" not in out
    code, out, _ = shell("attachments", "a.db")
    assert (code, "quote.txt" in out, str(shell.folder / "files") in out.replace("\n", "")) == (0, True, True)
    code, out, _ = shell("status", "a.db", "--json")
    assert json.loads(out)["files"] == {name: told[name] for name in json.loads(out)["files"]}
    size = f"{told['bytes'] / 1e6:,.1f} MB"
    assert size in shell("status", "a.db")[1]
    assert shell(*SAVING, "--json")[1].count('"files": 0') == 1
    assert free.world.files.answered["files"] == answered, "none was asked for again"

    assert shell("attachments", "a.db", "--verify")[::2] == (
        0,
        f"a.db: {answered} files, {size}, all as they were saved\n",
    )
    one, other = (shell.folder / file["path"] for file in told["files"][:2])
    one.unlink()
    other.write_bytes(b"changed")
    code, out, _ = shell("attachments", "a.db", "--verify", "--json")
    assert code == 1
    assert {(each["path"], each["what"]) for each in json.loads(out)["damaged"]} == {
        (str(one), "it isn't there"),
        (str(other), "its content is another one"),
    }
    assert shell("attachments", "a.db", "--verify")[0] == 1


def test_a_page_to_log_in_is_no_attachment(shell, free):
    free.fault("html", times=10_000, endpoint="files")
    code, _, err = shell(*SAVING)
    assert (code, "0 files saved into files, 0.0 MB" in err) == (3, True)
    told = json.loads(shell("attachments", "a.db", "--json")[1])
    assert (told["saved"], told["waiting"] > 100, told["lost"]) == (0, True, 0)
    assert shell(*SAVING)[0] == 3
    told = json.loads(shell("attachments", "a.db", "--json")[1])
    assert (told["saved"], told["waiting"], told["lost"] > 100) == (0, 0, True)
    assert {file["reason"].partition(":")[0] for file in told["files"]} == {
        "its content isn't the one that its address names"
    }
    free._faults._coming.clear()
    shell("attachments", "a.db", "--retry")
    assert shell(*SAVING)[0] == 0
    assert shell("attachments", "a.db", "--verify")[0] == 0


def test_links_that_have_expired_are_renewed(shell_in, tmp_path):
    with Sandbox(World(20, files=Files(link_seconds=4)), limited=False) as sandbox:
        shell = shell_in(tmp_path, sandbox)
        assert shell(*HARVEST)[0] == 0
        asked = sandbox.jodoo.answered["workflow_logs"]
        time.sleep(4.1)
        code, out, _ = shell(*SAVING, "--json")
        summary = json.loads(out)
        assert (code, summary["files_waiting"], summary["files_lost"]) == (0, 0, 0)
        assert summary["files"] == sandbox.world.files.answered["files"]
        assert asked < sandbox.jodoo.answered["workflow_logs"] <= asked + summary["files"]


def test_what_is_lost_is_named_and_retried_when_that_is_asked_for(shell_in, tmp_path, monkeypatch):
    with Sandbox(World(20), limited=False) as sandbox:
        shell = shell_in(tmp_path, sandbox)
        (tmp_path / "ids.txt").write_text(sandbox.world.edge_cases()["one log"])
        monkeypatch.setattr("workflowkit.sandbox.files._all", dict)  # there is nothing behind any link
        ids = ("harvest", "jodoo", "--ids", "ids.txt", "--archive", "a.db", "--attachments", "files")
        (tmp_path / "ids.txt").write_text(sandbox.world.edge_cases()["99 logs"])
        code, _, err = shell(*ids)
        assert code == 3
        assert "can't be had any more: `workflowkit attachments a.db` says why" in err
        code, out, _ = shell("attachments", "a.db")
        assert (code, "the host answers HTTP 404, also with a new link" in " ".join(out.split())) == (0, True)
        assert shell(*ids)[0] == 3, "it stays lost"
        monkeypatch.undo()
        code, _, err = shell("attachments", "a.db", "--retry")
        assert (code, "will be tried again: run the harvest with --attachments once more" in err) == (0, True)
        assert shell(*ids)[0] == 0
        assert json.loads(shell("attachments", "a.db", "--json")[1])["lost"] == 0
        assert json.loads(shell("attachments", "a.db", "--retry", "--json")[1]) == {"retried": 0}


def test_plan_says_whether_a_run_outlives_its_links(shell):
    (shell.folder / "ids.txt").write_text("6500cba90000000000000001\n" * 3)
    plan = ("plan", "jodoo", "--ids", "ids.txt")
    code, _, err = shell(*plan)
    assert (code, "--attachments DIR saves what is behind them" in err, "before it ends" in err) == (0, True, False)
    slow = (*plan, "--rate", "0.000005")
    assert json.loads(shell(*slow, "--json")[1])["outlives_links"] is True
    code, _, err = shell(*slow, "--attachments", "files", "--file-host", "files.example.com")
    assert (code, ", before it ends; files are saved while it runs" in err) == (0, True)


@pytest.mark.parametrize(
    ("command", "code", "message"),
    [
        (("attachments", "none.db"), 1, "there is no archive here"),
        (("attachments", "none.db", "--retry"), 1, "there is no archive here"),
        (("attachments", "none.db", "--retry", "--verify"), 2, "pass either --retry or --verify"),
        ((*HARVEST, "--file-host", "files.example.com"), 2, "--file-host HOST goes with --attachments DIR"),
        ((*SAVING, "--file-host", "https://files.example.com/"), 2, "pass a name such as files.example.com"),
        ((*HARVEST, "--attachments", "/dev/null/files"), 1, "can't be written"),
    ],
)
def test_used_wrongly(shell, command, code, message):
    got, _, err = shell(*command)
    assert (got, message in err) == (code, True), err
    assert not (shell.folder / "none.db").exists()
