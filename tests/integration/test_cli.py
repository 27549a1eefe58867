"""The command line as people and scripts call it: real processes, a real server."""

from __future__ import annotations

import asyncio
import csv
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time

import pytest
from given import put

from workflowkit import Archive
from workflowkit.sandbox import Sandbox, World
from workflowkit.sandbox.world import FORMS

WHOLE = ("instances", "events", "logs", "nodes", "attachments", "forms", "fields")


def test_logs_as_a_table_and_as_json(shell, free):
    instance_id = free.world.edge_cases()["non-ascii"]
    code, out, err = shell("jodoo", "logs", instance_id)
    assert (code, err) == (0, "")
    assert f"3 logs of {instance_id}" in out
    assert "总经理审批" in out
    code, out, _ = shell("jodoo", "logs", instance_id, "--json", "--limit", "2")
    lines = [json.loads(line) for line in out.splitlines()]
    assert [line["flow_name"] for line in lines] == ["总经理审批"] * 3
    assert lines[0]["create_time"] == "2024-01-09T04:19:35.447Z"
    assert free.jodoo.answered["workflow_logs"] == 3


def test_half_an_emoji_and_terminals_that_know_no_unicode(shell, free):
    instance_id = free.world.edge_cases()["lone surrogate"]
    assert shell("jodoo", "logs", instance_id)[0] == 0
    assert shell("jodoo", "logs", instance_id, PYTHONIOENCODING="ascii")[0] == 0
    assert shell("jodoo", "logs", instance_id, "--json", PYTHONIOENCODING="ascii")[0] == 0


def test_instance(shell, free):
    instance_id = free.world.edge_cases()["open task"]
    code, out, _ = shell("jodoo", "instance", instance_id, "--tasks")
    assert code == 0
    assert "in progress" in out
    assert "2 tasks" in out
    code, out, _ = shell("jodoo", "instance", instance_id, "--json")
    assert json.loads(out)["instance_id"] == instance_id


def test_harvest_status_export(shell, free):
    logs = sum(free.world.log_count(*free.world.find(each)) for each in free.world.instance_ids())
    code, out, err = shell(
        "harvest", "jodoo", "--app", "6573f1c2a9d4e80007b1c001", "--archive", "a.db", "--rate", "none"
    )
    assert (code, out) == (0, "")
    assert f"60 instances with {logs} logs harvested into a.db" in err
    code, out, err = shell(
        "harvest", "jodoo", "--app", "6573f1c2a9d4e80007b1c001", "--archive", "a.db", "--rate", "none", "--json"
    )
    assert (code, err) == (0, "")
    assert json.loads(out) == {
        "done": 0,
        "failed": 0,
        "skipped": 60,
        "without_instance": 7,
        "logs": 0,
        "tasks": 0,
        "nodes": 0,
        "requests": 7,
        "requests_saved": 64,
        "files": 0,
        "file_bytes": 0,
        "files_waiting": 0,
        "files_lost": 0,
        "stopped": False,
    }
    code, out, _ = shell("status", "a.db")
    assert (code, str(logs) in out) == (0, True)
    code, out, _ = shell("status", "a.db", "--json")
    counts = {"pending": 0, "partial": 0, "done": 60, "failed": 0}
    counts |= {"logs": logs, "tasks": 0, "nodes": 0, "records": 60}
    told = json.loads(out)
    links, files = told.pop("attachments"), told.pop("files")
    assert [run["state"] for run in told.pop("runs")] == ["finished"]
    assert [status["instances"] for status in told.pop("statuses")] == [60]
    assert told == {**counts, "failures": []}
    assert 0 < files["waiting"] <= links
    code, out, err = shell("export", "a.db", "--to", "a.csv")
    assert (code, out, err) == (0, "", f"{logs} rows of logs written to a.csv\n")
    with (shell.folder / "a.csv").open(newline="", encoding="utf-8") as lines:
        table = list(csv.DictReader(lines))
    assert len(table) == logs
    assert "同意。Genehmigt für Müller & Søn 👍\n— 第二行" in {row["comment"] for row in table}
    code, out, _ = shell("export", "a.db", "--to", "-", "--format", "jsonl", "--table", "events")
    assert (code, len(out.splitlines())) == (0, logs)
    standard = {"case:concept:name", "concept:name", "start_timestamp", "time:timestamp", "org:resource"}
    assert set(json.loads(out.splitlines()[0])) >= {*standard, "outcome", "origin"}
    code, out, _ = shell("export", "a.db", "--to", "b.jsonl", "--table", "instances", "--json")
    assert json.loads(out) == {"table": "instances", "rows": 60, "to": "b.jsonl"}


def test_ids_as_files_come_and_from_stdin(shell, free):
    ids = list(free.world.instance_ids())[12:17]
    text = "\ufeff" + "\r\n".join([*ids, "", f"  {ids[0]}  ", ids[1], ""]) + "\r\n"
    (shell.folder / "ids.txt").write_bytes(text.encode())
    code, _, err = shell("harvest", "jodoo", "--ids", "ids.txt", "--archive", "a.db", "--rate", "none")
    assert (code, "5 instances" in err) == (0, True)
    code, out, _ = shell("harvest", "jodoo", "--ids", "-", "--archive", "b.db", "--rate", "none", "--json", text=text)
    assert (code, json.loads(out)["done"]) == (0, 5)
    with (shell.folder / "ids.txt").open("rb") as file:
        process = shell.start(
            "harvest", "jodoo", "--ids", "-", "--archive", "c.db", "--rate", "none", "--json", stdin=file.fileno()
        )
        assert json.loads(process.communicate(timeout=50)[0])["done"] == 5


def test_some_failed(shell, free):
    ids = "\n".join([*list(free.world.instance_ids())[12:14], "659cba93489a49c06f7d4281"])
    code, _, err = shell("harvest", "jodoo", "--ids", "-", "--archive", "a.db", "--rate", "none", text=ids)
    assert (code, "1 could not be read: `workflowkit status a.db` lists them" in err) == (3, True)
    code, out, _ = shell("status", "a.db")
    assert (code, "659cba93489a49c06f7d4281" in out, "50016" in out) == (0, True, True)


def test_no_colour_and_no_key_anywhere(shell, free):
    out = shell("jodoo", "logs", free.world.edge_cases()["one log"], NO_COLOR="1", FORCE_COLOR="1")[1]
    assert "\x1b[" in out, "or the test proves nothing"
    assert not re.search(r"\x1b\[[\d;]*[34]\d", out)


@pytest.mark.long
@pytest.mark.parametrize(
    ("arguments", "env", "code", "says"),
    [
        (
            ["jodoo", "logs", "659cba93489a49c06f7d4281"],
            {},
            1,
            "jodoo.workflow_logs of 659cba93489a49c06f7d4281: Invalid instance_id (HTTP 400, code 50016)",
        ),
        (["jodoo", "logs", "a b"], {}, 2, "instance_id='a b': pass an id such as"),
        (["jodoo", "logs", "x", "--limit", "0"], {}, 2, "limit=0: pass a page size from 1 to 100"),
        (["jodoo", "logs", "x", "--limit", "101"], {}, 2, "limit=101"),
        (
            ["jodoo", "logs", "x", "--rate", "-1"],
            {},
            2,
            "'-1' is not a number of requests per second above 0, nor none",
        ),
        (["jodoo", "logs", "x"], {"JODOO_API_KEY": "wrong"}, 4, "Failed to verify the API key"),
        (["jodoo", "logs", "x"], {"JODOO_API_KEY": ""}, 2, "JODOO_API_KEY is not set"),
        (["jodoo", "logs", "x"], {"JODOO_BASE_URL": "http://example.com/api"}, 2, "--insecure-http"),
        (["jodoo", "logs", "x"], {"JODOO_BASE_URL": "http://127.0.0.1:9/api"}, 5, "can't connect to 127.0.0.1:9"),
        (["jodoo", "logs", "x"], {"JODOO_EDITION": "odoo"}, 2, "edition='odoo'"),
        (["jodoo", "logs"], {}, 2, "Missing argument 'INSTANCE_ID'"),
        (["harvest", "jodoo", "--archive", "a.db"], {}, 2, "pass either --ids FILE or --app APP"),
        (
            ["harvest", "jodoo", "--ids", "i", "--app", "a", "--archive", "a.db"],
            {},
            2,
            "pass either --ids FILE or --app APP",
        ),
        (["harvest", "jodoo", "--ids", "i", "--form", "f", "--archive", "a.db"], {}, 2, "--form ENTRY needs --app APP"),
        (
            ["harvest", "jodoo", "--ids", "none.txt", "--archive", "a.db"],
            {},
            2,
            "none.txt: can't be read (No such file or directory)",
        ),
        (
            ["harvest", "jodoo", "--ids", "bad.txt", "--archive", "a.db"],
            {},
            2,
            "bad.txt, line 3: 'not an id' can't be an id",
        ),
        (
            ["harvest", "jodoo", "--ids", "utf16.txt", "--archive", "a.db"],
            {},
            2,
            "utf16.txt: is UTF-16; save it as UTF-8",
        ),
        (
            ["harvest", "jodoo", "--ids", "good.txt", "--archive", "no/a.db"],
            {},
            1,
            "can't be created (No such file or directory)",
        ),
        (["harvest", "jodoo", "--ids", "good.txt", "--archive", "text.db"], {}, 1, "text.db: not a database"),
        (
            ["harvest", "jodoo", "--ids", "good.txt", "--archive", "songs.db"],
            {},
            1,
            "songs.db: a SQLite database, but not an archive",
        ),
        (
            ["harvest", "jodoo", "--ids", "good.txt", "--archive", "newer.db"],
            {},
            1,
            "newer.db: an archive of version 9",
        ),
        (["harvest", "jodoo", "--ids", "good.txt", "--archive", "a.db"], {"JODOO_API_KEY": "wrong"}, 4, "code 8301"),
        (
            ["harvest", "jodoo", "--ids", "good.txt", "--archive", "a.db"],
            {"JODOO_BASE_URL": "http://127.0.0.1:9/api"},
            5,
            "can't connect",
        ),
        (["harvest", "jodoo", "--app", "nope", "--archive", "a.db"], {}, 1, "Invalid App"),
        (["status", "none.db"], {}, 1, "none.db: there is no archive here"),
        (["export", "none.db", "--to", "a.csv"], {}, 1, "there is no archive here"),
        (
            ["export", "none.db", "--to", "a.xlsx"],
            {},
            2,
            "'a.xlsx': name a file that ends in one of .csv, .jsonl",
        ),
        (["export", "none.db", "--to", "-"], {}, 2, "pass --format"),
        (["sandbox", "--port", "70000"], {}, 2, "70000 is not in the range"),
        (["nonsense"], {}, 2, "No such command 'nonsense'"),
    ],
    ids=lambda value: " ".join(value)[:60] if isinstance(value, list) else None,
)
def test_bad_input_is_named_with_the_way_out_and_the_documented_code(shell, arguments, env, code, says):
    (shell.folder / "bad.txt").write_text("6500cba9000000000000000c\n\nnot an id\n")
    (shell.folder / "utf16.txt").write_text("6500cba9000000000000000c\n", encoding="utf-16")
    (shell.folder / "good.txt").write_text("6500cba9000000000000000c\n")
    (shell.folder / "text.db").write_text("dear diary " * 100)
    for name, application_id in (("songs.db", 0), ("newer.db", 0x776B6974)):
        connection = sqlite3.connect(shell.folder / name)
        connection.execute("CREATE TABLE songs (title)")
        connection.execute(f"PRAGMA application_id = {application_id}")
        connection.execute("PRAGMA user_version = 9")
        connection.close()
    returned, out, err = shell(*arguments, **env)
    assert (returned, out) == (code, "")
    assert says in err
    assert len(err.splitlines()) <= 4


def test_export_of_records(shell):
    harvest = ("harvest", "jodoo", "--app", "6573f1c2a9d4e80007b1c001", "--archive", "a.db", "--rate", "none")
    assert shell(*harvest)[0] == 0
    code, _, err = shell("export", "a.db", "--to", "a.csv", "--table", "records")
    assert (code, "6573f1c2a9d4e80007b1c101 (Purchase request)" in err) == (2, True)
    code, _, err = shell("export", "a.db", "--to", "a.csv", "--form", "6573f1c2a9d4e80007b1c101", "--bom")
    assert (code, err) == (0, "30 rows of records written to a.csv\n")
    with (shell.folder / "a.csv").open(newline="", encoding="utf-8-sig") as lines:
        table = list(csv.DictReader(lines))
    assert table[0]["Title"] == "Purchase request 1"
    assert float(table[0]["Amount"]) > 0
    assert {row["Quote"] for row in table} == {"quote.txt"}
    assert "token=" not in (shell.folder / "a.csv").read_text("utf-8")
    code, out, _ = shell("export", "a.db", "--to", "-", "--format", "jsonl", "--form", "6573f1c2a9d4e80007b1c101")
    assert (code, "token=" in out) == (0, False)
    code, _, err = shell("export", "a.db", "--to", "a.csv", "--form", "x", "--table", "logs")
    assert (code, "--form goes with --table records" in err) == (2, True)
    code, _, err = shell("export", "a.db", "--to", "a.jsonl", "--bom")
    assert (code, "--bom goes with CSV files" in err) == (2, True)


def test_export_of_all_tables(shell, free):
    assert shell("harvest", "jodoo", "--app", "6573f1c2a9d4e80007b1c001", "--archive", "a.db", "--rate", "none")[0] == 0
    assert shell("harvest", "secmaster", "--topology", "--archive", "a.db", "--rate", "none")[0] == 0
    code, _, err = shell("export", "a.db", "--to", "a.csv")
    assert (code, "pass --table, or --to FOLDER/ for all tables" in err) == (2, True)
    assert not (shell.folder / "a.csv").exists()
    code, out, _ = shell("export", "a.db", "--to", "new/tables/", "--json")
    files = json.loads(out)["files"]
    assert code == 0
    assert {path.name for path in (shell.folder / "new/tables").iterdir()} == set(files)
    forms = [f"records-{form}.csv" for form in FORMS if free.world.has_workflow(form)]
    assert set(files) == {f"{name}.csv" for name in WHOLE} | set(forms)
    for name, rows in files.items():
        with (shell.folder / "new/tables" / name).open(newline="", encoding="utf-8") as lines:
            assert len(list(csv.DictReader(lines))) == rows > 0
        assert "token=" not in (shell.folder / "new/tables" / name).read_text("utf-8")
    code, _, err = shell("export", "a.db", "--to", "new/tables", "--format", "jsonl")
    assert (code, "events.jsonl" in err) == (0, True)
    code, _, err = shell("export", "a.db", "--to", "new/", "--table", "logs")
    assert (code, "name a file" in err) == (2, True)
    code, _, err = shell("export", "a.db", "--to", "a.db/x/")
    assert (code, "a.db/x/: can't be made (Not a directory)" in err) == (1, True)


def test_export_cannot_write(shell):
    shell("harvest", "jodoo", "--ids", "-", "--archive", "a.db", text="")
    code, _, err = shell("export", "a.db", "--to", "no/a.csv")
    assert (code, "no/a.csv: can't be written (No such file or directory); choose another place" in err) == (1, True)
    code, _, err = shell("export", "a.db", "--to", "a.csv", "--table", "users")
    assert (code, "'users' is not one of 'events', 'logs', 'tasks', 'nodes', 'instances', 'records'" in err) == (
        2,
        True,
    )
    assert not [file for file in shell.folder.iterdir() if file.name.startswith("a.csv")]


def test_export_spares_the_archive_pipes_and_links(shell):
    shell("harvest", "jodoo", "--ids", "-", "--archive", "a.db", text="6500cba9000000000000000c")
    (shell.folder / "link.db").symlink_to("a.db")
    for target in ("a.db", "link.db"):
        code, _, err = shell("export", "a.db", "--to", target, "--format", "csv")
        assert (code, "is the archive itself" in err) == (2, True)
    (shell.folder / "real.csv").touch()
    (shell.folder / "link.csv").symlink_to("real.csv")
    assert shell("export", "a.db", "--to", "link.csv")[0] == 0
    assert (shell.folder / "link.csv").is_symlink()
    os.mkfifo(shell.folder / "pipe")
    reader = subprocess.Popen(["cat", "pipe"], cwd=shell.folder, stdout=subprocess.PIPE)
    assert shell("export", "a.db", "--to", "pipe", "--format", "csv")[0] == 0
    assert reader.communicate(timeout=20)[0] == (shell.folder / "real.csv").read_bytes()


def test_reading_changes_nothing(shell):
    shell("harvest", "jodoo", "--ids", "-", "--archive", "a.db", text="6500cba9000000000000000c")
    (shell.folder / "empty.db").touch()
    before = (shell.folder / "a.db").read_bytes()
    assert shell("status", "a.db")[0] == 0
    assert shell("export", "a.db", "--to", "-", "--format", "csv")[0] == 0
    assert (shell.folder / "a.db").read_bytes() == before
    assert sorted(file.name for file in shell.folder.iterdir()) == ["a.db", "empty.db"]
    assert shell("status", "empty.db")[0] == 1
    assert (shell.folder / "empty.db").read_bytes() == b""


def test_a_full_disk_behind_stdout(shell, free):
    command = f"{sys.executable} -m workflowkit jodoo logs {free.world.edge_cases()['100 logs']} --json > /dev/full"
    done = subprocess.run(["sh", "-c", command], env=shell.env, capture_output=True, text=True, check=False, timeout=50)
    assert (done.returncode, done.stderr) == (1, "Error: can't write to stdout (No space left on device)\n")


def test_a_harvest_that_breaks_off_says_what_is_stored(shell, free):
    text = "\n".join([*list(free.world.instance_ids())[12:15], "not an id"])
    code, _, err = shell("harvest", "jodoo", "--ids", "-", "--archive", "a.db", text=text)
    assert (code, "stdin, line 4: 'not an id' can't be an id" in err) == (2, True)
    assert "run the same command again" in err or json.loads(shell("status", "a.db", "--json")[1])["done"] == 0


def test_failures_stay_failures_until_they_are_retried(shell):
    command = ("harvest", "jodoo", "--ids", "-", "--archive", "a.db")
    for _ in range(2):
        code, _, err = shell(*command, text="659cba93489a49c06f7d4281")
        assert (code, "1 could not be read" in err) == (3, True)


def test_a_reader_who_has_had_enough(shell, free):
    instance_id = free.world.edge_cases()["250 logs"]
    process = shell.start("jodoo", "logs", instance_id, "--json")
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(20) == 1
    assert process.stderr.read() == ""
    process.stderr.close()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_drains_and_the_same_command_goes_on(shell_in, tmp_path, number, code):
    with Sandbox(World(90)) as slow:
        shell = shell_in(tmp_path, slow)
        (tmp_path / "ids.txt").write_text("\n".join(list(slow.world.instance_ids())[12:]))
        command = ("harvest", "jodoo", "--ids", "ids.txt", "--archive", "a.db", "--json")
        process = shell.start(*command)
        while slow.jodoo.answered["workflow_logs"] < 10:
            time.sleep(0.01)
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
        first = json.loads(out)
        assert (process.returncode, first["stopped"]) == (code, True)
        assert err == "finishing what is under way; once more stops at once\n"
        assert slow.jodoo.answered["workflow_logs"] == first["requests"]
        returned, out, _ = shell(*command)
        second = json.loads(out)
        assert (returned, second["done"] + first["done"], second["skipped"]) == (0, 78, first["done"])
        assert slow.jodoo.answered["workflow_logs"] == 78
        assert slow.jodoo.answered["8304"] == 0


def test_a_second_signal_stops_now(shell, free):
    free.fault("slow", times=1000, seconds=60)
    (shell.folder / "ids.txt").write_text("\n".join(free.world.instance_ids()))
    process = shell.start("harvest", "jodoo", "--ids", "ids.txt", "--archive", "a.db", "--rate", "none")
    while free.jodoo.answered["workflow_logs"] < 5:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    time.sleep(0.2)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 130
    process.communicate()


def test_a_pipe_that_stays_open_does_not_hold_up_the_end(shell, free):
    process = shell.start("harvest", "jodoo", "--ids", "-", "--archive", "a.db", "--json", stdin=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write(list(free.world.instance_ids())[12] + "\n")
    process.stdin.flush()
    while free.jodoo.answered["workflow_logs"] < 1:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, _err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert json.loads(out)["done"] == 1


@pytest.mark.long
def test_demo_does_the_main_job_afresh_each_time(shell, shell_in, tmp_path_factory, free):
    async def earlier() -> None:
        async with Archive.open(shell.folder / "workflowkit-demo.db") as archive:
            await put(archive, "of-an-earlier-demo", tenant="workflowkit-demo")

    asyncio.run(earlier())
    elsewhere = shell_in(tmp_path_factory.mktemp("elsewhere"), free).start("demo", "--json")
    code, out, err = shell("demo")
    assert (code, out) == (0, "")
    assert re.search(r"420 instances with \d+ logs, \d+ tasks and 529 nodes", err)
    assert "0 refused" in err
    assert "status workflowkit-demo.db" in err
    assert "- Half of all approvals at Finance review (Purchase request) wait over" in err
    assert "fails most at queryAddress" in err
    page = (shell.folder / "workflowkit-demo.html").read_text("utf-8")
    assert "What stands out" in page
    assert "Finance review (Purchase request)" in page
    assert "420" in shell("status", "workflowkit-demo.db")[1]
    told = json.loads(elsewhere.communicate(timeout=50)[0])
    assert (elsewhere.returncode, told["done"], told["failed"], told["skipped"], told["refused"]) == (0, 420, 0, 0, 0)


def test_demo_overwrites_nothing_of_yours(shell):
    (shell.folder / "mine.db").write_text("dear diary " * 100)
    code, _, err = shell("demo", "--archive", "mine.db")
    assert (code, "not a database" in err) == (1, True)
    assert (shell.folder / "mine.db").read_text().startswith("dear diary")
    (shell.folder / "notes.html").write_text("<p>dear diary</p>")
    code, _, err = shell("demo", "--archive", "notes.db")
    assert (code, "isn't the report of an earlier demo" in err) == (1, True)
    assert (shell.folder / "notes.html").read_text() == "<p>dear diary</p>"
    shell("harvest", "jodoo", "--ids", "-", "--archive", "real.db", text="6500cba9000000000000000c")
    code, _, err = shell("demo", "--archive", "real.db")
    assert (code, "holds a harvest of yours" in err) == (1, True)
    assert json.loads(shell("status", "real.db", "--json")[1])["done"] == 1


def test_sandbox_prints_what_to_export_and_serves_until_told(shell):
    process = shell.start("sandbox", "--instances", "20")
    assert process.stdout is not None
    exports = dict(process.stdout.readline().removeprefix("export ").strip().split("=", 1) for _ in range(9))
    assert exports["JODOO_EDITION"] == "jodoo"
    code, out, _ = shell("jodoo", "logs", "6500cba90000000000000001", "--json", **exports)
    assert (code, len(out.splitlines())) == (0, 1)
    code, out, _ = shell("secmaster", "instances", "--json", **exports)
    assert (code, len(out.splitlines())) == (0, 120)
    port = exports["JODOO_BASE_URL"].split(":")[2].split("/")[0]
    code, _, err = shell("sandbox", "--port", port)
    assert (code, f"port {port} can't be used" in err) == (2, True)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "serving 20 instances of Jodoo, for example 6500cba90000000000000009, and 120 of SecMaster" in err


def test_sandbox_as_json_and_ended_by_sigterm(shell):
    process = shell.start("sandbox", "--json")
    assert process.stdout is not None
    told = json.loads(process.stdout.readline())
    assert told["JODOO_API_KEY"] == "sandbox-key"
    assert "lone surrogate" in told["edge_cases"]["jodoo"]
    assert "times in UTC" in told["edge_cases"]["secmaster"]
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert process.returncode == 0


def test_version(shell):
    from workflowkit import __version__

    assert shell("--version")[1] == f"workflowkit, version {__version__}\n"
