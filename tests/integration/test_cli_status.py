"""`workflowkit status`: what the instances are, what could not be read, and how the last runs went."""

from __future__ import annotations

import json
import signal
import sqlite3
from contextlib import closing

from workflowkit.sandbox.world import APP_ID

JODOO = ("harvest", "jodoo", "--app", APP_ID, "--archive", "a.db")
SECMASTER = ("harvest", "secmaster", "--topology", "--archive", "a.db")


def test_it_begins_with_the_statuses_and_ends_with_the_runs(shell, free):
    assert shell(*JODOO, "--rate", "none")[0] == 0
    code, out, _ = shell("status", "a.db")
    assert code == 0
    lines = [line.split() for line in out.splitlines()]
    assert ["jodoo", "closed", "60"] in lines
    assert not any(line[:1] in (["nodes"], ["secmaster"], ["tasks"], ["pending"]) for line in lines), "it has none"
    assert shell(*SECMASTER, "--rate", "none")[0] == 0
    code, out, _ = shell("status", "a.db")
    places = [out.index(words) for words in ("FINISHED", "FAILED", "could not be read", "last run of each source")]
    assert (code, places) == (0, sorted(places))
    found = json.loads(shell("status", "a.db", "--json")[1])
    by_status = {(each["system"], each["status"]): each["instances"] for each in found["statuses"]}
    failing = sum(free.workspace._fails(number) for number in range(free.workspace.size))
    assert by_status["jodoo", "1"] == 60
    assert by_status["secmaster", "FAILED"] == failing
    assert sum(by_status.values()) == found["done"]
    runs = [(run["system"], run["source"], run["state"]) for run in found["runs"]]
    assert runs == [
        ("jodoo", f"app {APP_ID}", "finished"),
        ("secmaster", f"workspace {shell.env['SECMASTER_WORKSPACE_ID']}", "finished"),
    ]
    assert all(run["seconds"] >= 0 for run in found["runs"])


def test_a_run_is_running_until_it_is_killed(shell, free):
    process = shell.start(*JODOO, "--rate", "3", "--progress", "json")
    for line in process.stderr:
        if json.loads(line)["done"]:
            break
    (run,) = json.loads(shell("status", "a.db", "--json")[1])["runs"]
    assert (run["state"], run["process"].partition(" ")[0]) == ("running", str(process.pid))
    assert f"running: process {process.pid} on" in shell("status", "a.db")[1]
    process.send_signal(signal.SIGKILL)
    process.communicate()
    with closing(sqlite3.connect(shell.folder / "a.db")) as connection, connection:
        connection.execute("UPDATE harvests SET alive_at = '2026-01-01T00:00:00.000Z'")  # some time later
    code, out, _ = shell("status", "a.db")
    assert (code, "interrupted: run the same command again" in out) == (0, True)


def test_ids_have_no_status(shell, free):
    ids = "\n".join(list(free.world.instance_ids())[:3])
    shell("harvest", "jodoo", "--ids", "-", "--archive", "a.db", "--rate", "none", text=ids)
    assert ["jodoo", "not", "listed", "3"] in [line.split() for line in shell("status", "a.db")[1].splitlines()]
