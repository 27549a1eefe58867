"""plan, harvest, verify, doctor and config as people call them."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import sqlite3
import subprocess
import sys
import termios
import time
from contextlib import suppress

import pytest
from stored import rows

from workflowkit import Summary
from workflowkit.cli.job import describe
from workflowkit.sandbox import Sandbox, World

APP = "6573f1c2a9d4e80007b1c001"
NO_FILE = {"WORKFLOWKIT_CONFIG": "nowhere.toml"}
PROFILES = """
[jodoo.acme]
base_url = "{url}/api"
app = "{app}"
key_env = "ACME_KEY"

[jodoo.globex]
base_url = "{url}/api"
app = "{app}"
form = "6573f1c2a9d4e80007b1c101"
key_command = ["echo", "sandbox-key"]

[secmaster.soc]
base_url = "{url}"
project_id = "0a1b2c3d4e5f60718293a4b5c6d7e8f9"
workspace_id = "909494e3-558e-46b6-a9eb-07a8e18ca62f"
ak = "{ak}"
key_env = "SOC_SK"
"""


@pytest.fixture
def profiles(shell, free):
    text = PROFILES.format(url=free.url, app=APP, ak=free.env["HUAWEICLOUD_SDK_AK"])
    (shell.folder / "config.toml").write_text(text)
    return {
        "WORKFLOWKIT_CONFIG": "config.toml",
        "ACME_KEY": "sandbox-key",
        "SOC_SK": free.env["HUAWEICLOUD_SDK_SK"],
        "JODOO_TENANT": "not-of-a-profile",
    }


def harvest(shell, *arguments, text=None, **env):
    return shell("harvest", *arguments, "--archive", "a.db", "--rate", "none", text=text, **env)


def test_several_tenants_in_one_run_each_with_its_own_key(shell, free, profiles):
    code, _, err = harvest(shell, "jodoo", "--profile", "acme", "--profile", "globex", **profiles)
    assert (code, "90 instances" in err) == (0, True)
    assert rows(shell.folder / "a.db", "SELECT tenant, count(*) FROM instances GROUP BY 1") == [
        ("acme", 60),
        ("globex", 30),
    ]
    code, _, err = harvest(shell, "secmaster", "--profile", "soc", **profiles)
    assert (code, "120 instances" in err) == (0, True)


@pytest.mark.parametrize(
    ("change", "arguments", "message"),
    [
        ("", ("--profile", "initech"), "has no [jodoo.initech]; of jodoo it has 'acme', 'globex'"),
        ("", ("--profile", "acme", "--profile", "globex", "--ids", "ids.txt"), "--ids FILE goes with one --profile"),
        ('[jodoo.x]\napi_key = "s3cret"', ("--profile", "x"), "api_key doesn't belong into a file"),
        (
            '[jodoo.x]\ncolour = "red"\nkey_env = "K"',
            ("--profile", "x"),
            "'colour' is unknown; choose from app, base_url",
        ),
        ('[jodoo.x]\napp = "a"', ("--profile", "x"), "name either key_env or key_command"),
        ('[jodoo.x]\napp = 7\nkey_env = "K"', ("--profile", "x"), "app has to be text"),
        (
            '[jodoo.x]\napp = "a"\nkey_env = "NOT_SET"',
            ("--profile", "x"),
            "NOT_SET, its key_env, is not set: ",
        ),
        ('[jodoo.x]\napp = "a"\nkey_command = "false"', ("--profile", "x"), "'false', its key_command, ended with 1"),
        ('[jodoo.x]\napp = "a"\nkey_command = "no-such-program"', ("--profile", "x"), "No such file or directory"),
        ('[jodoo.x]\napp = "a"\nkey_command = "true"', ("--profile", "x"), "printed nothing"),
        ('[jodoo.x]\napp = "a"\nkey_command = ""', ("--profile", "x"), "key_command has to be text, and not empty"),
        ('[jodoo.x]\napp = "a"\nkey_command = []', ("--profile", "x"), "key_command has to be text, and not empty"),
        ('[jodoo.x]\napp = "a"\nkey_command = 5', ("--profile", "x"), "key_command has to be text"),
        ('[jodoo.x]\napp = "a"\nkey_command = "pass \'x"', ("--profile", "x"), "write a list of them"),
        ('[jodoo.x]\napp = "a"\nkey_env = ["A"]', ("--profile", "x"), "key_env has to be text"),
        ('[secmaster]\nregion = "a"', ("--profile", "acme"), "profiles are tables such as [jodoo.acme]"),
        ("[jodoo", ("--profile", "acme"), "config.toml: can't be read"),
        ("[dingtalk.x]", ("--profile", "x"), "profiles are tables such as [jodoo.acme]"),
    ],
)
def test_what_is_wrong_with_a_profile_is_said_before_anything_is_sent(
    shell, free, profiles, change, arguments, message
):
    (shell.folder / "ids.txt").write_text("a\n")
    with (shell.folder / "config.toml").open("a") as file:
        file.write("\n" + change)
    code, _, err = harvest(shell, "jodoo", *arguments, **profiles)
    assert (code, message in err.replace("\n", " ")) == (2, True), err
    assert "s3cret" not in err
    assert free.jodoo.answered.total() == 0


def test_config_shows_what_is_in_force_and_no_secret(shell, profiles):
    code, out, _ = shell("config", **NO_FILE)
    assert (code, "JODOO_API_KEY" in out, "(hidden)" in out, "it isn't there" in out) == (0, True, True, True)
    code, out, _ = shell("config", "--profile", "globex", "--json", **profiles)
    told = json.loads(out)
    found = {each["setting"]: (each["value"], each["origin"]) for each in told["settings"]}
    assert found["tenant"] == ("globex", "the profile's name")
    assert found["api_key"] == ("(hidden)", "printed by echo")
    assert found["app"] == (APP, "profile 'globex' in config.toml")
    assert told["profiles"] == {"jodoo": ["acme", "globex"], "secmaster": ["soc"]}
    assert "sandbox-key" not in out
    for command in ("config", "doctor"):
        code, _, err = shell(command, "--profile", "initech", **profiles)
        assert (code, "has no [jodoo.initech]" in err) == (2, True)
    _, out, _ = shell("config", JODOO_BASE_URL="http://u:hunter2@127.0.0.1:9/api", **NO_FILE)
    assert ("http://127.0.0.1:9/api" in out, "hunter2" in out) == (True, False)


def test_a_key_command_leaves_the_ids_on_stdin_alone(shell, free, profiles):
    with (shell.folder / "config.toml").open("a") as file:
        file.write('[jodoo.x]\nkey_command = ["sh", "-c", "cat > rest; echo sandbox-key"]\n')
        file.write(f'base_url = "{free.url}/api"\n')
    ids = "\n".join(free.world.instance_ids())
    code, _, err = harvest(shell, "jodoo", "--ids", "-", "--profile", "x", text=ids, **profiles)
    assert (code, "60 instances" in err) == (0, True)


def test_doctor(shell, free, profiles):
    code, out, _ = shell("doctor", "--archive", "a.db", **NO_FILE)
    assert code == 0
    for words in (
        "the key sees 1 app",
        "the workspace has instances",
        "within 1 minute of the service's",
        "isn't there yet",
    ):
        assert words in out
    assert (free.jodoo.answered.total(), free.secmaster.answered.total()) == (1, 1)
    code, out, _ = shell("doctor", "--profile", "soc", "--json", **profiles)
    assert code == 0
    assert [each["what"] for each in json.loads(out)] == ["secmaster", "clock of secmaster", "certificates", "SQLite"]
    code, out, _ = shell("doctor", "--json", SSL_CERT_FILE="/nowhere/ca.pem", **NO_FILE)
    told = {each["what"]: each for each in json.loads(out)}
    assert (code, told["certificates"]["ok"]) == (1, False)
    assert "SSL_CERT_FILE='/nowhere/ca.pem': can't be read as certificates" in told["certificates"]["message"]
    code, out, _ = shell("doctor", "--archive", "not/there/a.db", "--json", **NO_FILE)
    assert (code, {each["what"]: each["ok"] for each in json.loads(out)}["disk"]) == (1, False)


@pytest.mark.long
def test_doctor_says_what_to_do(shell, unused_tcp_port):
    code, out, _ = shell("doctor", JODOO_API_KEY="wrong", **NO_FILE)
    assert (code, "FAILED" in out, "check JODOO_API_KEY" in out, "the workspace has instances" in out) == (
        1,
        *[True] * 3,
    )
    code, out, _ = shell("doctor", JODOO_BASE_URL=f"http://127.0.0.1:{unused_tcp_port}/api", **NO_FILE)
    assert (code, "can't connect" in out) == (1, True)
    (shell.folder / "a.db").write_text("dear diary " * 100)
    code, out, _ = shell("doctor", "--archive", "a.db", **NO_FILE)
    assert (code, "not a database" in out) == (1, True)
    unset = dict.fromkeys((name for name in shell.env if name.startswith(("JODOO_", "SECMASTER_", "HUAWEI"))), "")
    code, out, _ = shell("doctor", **unset, **NO_FILE)
    assert (code, "nothing is set up" in out) == (1, True)


def test_plan_counts_what_harvest_then_takes(shell, free):
    code, out, _ = shell("plan", "jodoo", "--app", APP, "--archive", "a.db", "--json")
    planned = json.loads(out)
    assert (code, planned["instances"], planned["listing"], planned["each"]) == (0, 60, 7, 1)
    assert planned["seconds"] == pytest.approx(2.0, abs=0.5)
    assert not (shell.folder / "a.db").exists()
    code, out, _ = shell("harvest", "jodoo", "--app", APP, "--archive", "a.db", "--json", "--rate", "none")
    assert json.loads(out)["requests"] == 71, "four of the instances have more than one page"
    code, out, _ = shell("plan", "jodoo", "--app", APP, "--archive", "a.db", "--json")
    assert (json.loads(out)["instances"], json.loads(out)["skipped"]) == (0, 60)
    code, _, err = shell("plan", "jodoo", "--app", APP, "--archive", "a.db", "--refresh", "--rate", "none")
    assert (
        "71 requests: 7 to list them, as this plan has sent, and 1.07 for each (the mean of 60 in the archive)" in err
    )
    assert "no limit: as fast as the service answers" in err
    assert "links to files expire 6 days after they are read" in err
    code, _, err = shell("plan", "secmaster", "--topology")
    assert "122 requests: 2 to list them" in err
    assert "at 20 a second it takes 6 s" in err


@pytest.mark.long
def test_verify_finds_what_is_wrong(shell):
    harvest(shell, "jodoo", "--app", APP, "--with", "tasks")
    harvest(shell, "secmaster", "--topology")
    code, out, err = shell("verify", "a.db")
    assert (code, out, "all as it should be" in err) == (0, "", True)
    first = "6500cba90000000000000005"  # of 250 logs
    for statement, said in {
        f"UPDATE instances SET logs = logs + 1 WHERE id = '{first}'": "logs are said to be there",
        f"DELETE FROM logs WHERE instance_id = '{first}' AND position = 0": "logs go up to position",
        "UPDATE logs SET comment = 'forged' WHERE instance_id LIKE '%0f'": "comment isn't what raw says",
        "UPDATE nodes SET raw = '{' WHERE position = 1": "raw can't be read",
        "UPDATE tasks SET finish_time = '2020-01-01T00:00:00.000Z' WHERE position = 0": "finish_time isn't",
        "UPDATE links SET size = 1 WHERE rowid = (SELECT min(rowid) FROM links WHERE ordinal = 0)": "its links aren't",
        "DELETE FROM links WHERE ordinal = -1": "its links aren't those that raw has",
        f"UPDATE links SET instance_id = 'zz' WHERE instance_id = '{first}'": "there is a link of a log that isn't",
        "DELETE FROM instances WHERE id LIKE '%0e'": "but there is no such instance",
    }.items():
        connection = sqlite3.connect(shell.folder / "a.db")
        connection.execute(statement)
        connection.commit()
        connection.close()
        code, out, _ = shell("verify", "a.db", "--json")
        assert code == 1
        assert any(said in problem["what"] for problem in json.loads(out)["problems"]), said


def test_events_come_from_tasks_where_they_were_harvested(shell, free):
    harvest(shell, "jodoo", "--app", APP, "--form", "6573f1c2a9d4e80007b1c101", "--with", "tasks")
    harvest(shell, "jodoo", "--app", APP)
    found = dict(rows(shell.folder / "a.db", "SELECT origin, count(DISTINCT case_id) FROM events GROUP BY 1"))
    leaves = list(free.world.instance_ids("6573f1c2a9d4e80007b1c102"))
    commented = sum(free.world.log_count(*free.world.find(each)) > 0 for each in leaves)
    assert found == {"tasks": 29, "logs": commented}, "one has no tasks at all"
    open_tasks = rows(shell.folder / "a.db", "SELECT end_time, outcome FROM events WHERE lifecycle = 'start'")
    assert open_tasks
    assert set(open_tasks) == {(None, None)}


def test_progress_for_machines(shell):
    code, out, err = harvest(shell, "jodoo", "--app", APP, "--progress", "json", "--json")
    last = json.loads(err.splitlines()[-1])
    assert (code, last["done"], last["total"], last["seconds_left"]) == (0, 60, 60, None)
    assert last["requests"] == json.loads(out)["requests"]
    assert last["next_deadline"].endswith(":59:59+00:00")


def test_the_bar_on_a_terminal_survives_resizing_and_words(shell_in, tmp_path):
    with Sandbox(World(600)) as limited:
        shell = shell_in(tmp_path, limited)
        master, slave = pty.openpty()
        termios.tcsetwinsize(slave, (40, 100))
        command = [sys.executable, "-m", "workflowkit", "harvest", "jodoo", "--app", APP, "--archive", "a.db"]
        env = {name: value for name, value in shell.env.items() if name != "COLUMNS"}
        out = {100: "", 60: ""}
        with subprocess.Popen(
            command, env={**env, "TERM": "xterm"}, stdout=slave, stderr=slave, stdin=slave, cwd=tmp_path
        ) as process:
            os.close(slave)
            with suppress(OSError):
                while "requests/s of 30" not in out[100] or " 0/" in out[100].rpartition("\r")[2]:
                    out[100] += os.read(master, 65536).decode()
                termios.tcsetwinsize(master, (40, 60))
                process.send_signal(signal.SIGWINCH)
                time.sleep(0.5)
                out[100] += os.read(master, 65536).decode()
                process.terminate()
                while chunk := os.read(master, 65536):
                    out[60] += chunk.decode()
        os.close(master)
    shown = {width: re.split(r"[\r\n]+", re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", text)) for width, text in out.items()}
    assert process.returncode == 143
    assert max(map(len, shown[100])) > 60
    assert "finishing what is under way; once more stops at once" in shown[60], "on a line of its own"
    bars = [line for line in shown[60] if "━" in line]
    assert bars
    assert max(map(len, bars)) <= 60
    assert not re.search(r"(3[1-9]|[4-9]\d)\.\d requests/s", "".join(out.values())), "never more than was sent"


def test_a_second_signal_stops_at_once_and_the_rest_goes_on(shell, free):
    free.fault("slow", times=1000, seconds=50, endpoint="workflow_logs")
    process = shell.start("harvest", "jodoo", "--app", APP, "--archive", "a.db", "--rate", "none")
    while not free.jodoo.answered["workflow_logs"]:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGTERM)
    time.sleep(0.3)
    assert process.poll() is None
    os.kill(process.pid, signal.SIGTERM)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 143
    assert "stopped; run the same command again to go on" in err
    assert rows(shell.folder / "a.db", "SELECT DISTINCT state FROM instances") == [("pending",)]


def test_a_second_harvest_is_told_of_the_first(shell, shell_in, tmp_path_factory):
    with Sandbox(World(300)) as limited:
        slow = shell_in(shell.folder, limited)
        first = slow.start("harvest", "jodoo", "--app", APP, "--archive", "a.db")
        while not limited.jodoo.answered["workflow_logs"]:
            time.sleep(0.01)
        before = limited.jodoo.answered["forms"]
        code, _, err = slow("harvest", "jodoo", "--app", APP, "--archive", "a.db")
        assert code == 1
        assert f"process {first.pid} on " in err
        assert "is harvesting into it; wait for it to end or stop it" in err
        assert limited.jodoo.answered["forms"] == before
        first.terminate()
        assert first.wait(20) == 143
        first.communicate()


def test_who_is_stopped_before_the_first_instance_is_not_told_that_there_is_none():
    summary = Summary(done=0, failed=0, skipped=0, logs=0, requests=1, stopped=True)
    assert describe(summary, "a.db") == "stopped early: run the same command again to go on"
