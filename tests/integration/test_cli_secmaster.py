"""The commands for SecMaster: real processes, a real server that checks signatures."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import termios
import time
from contextlib import suppress

import pytest

from workflowkit.sandbox.server import USER

OTHER = {"HUAWEICLOUD_SDK_AK": "", "HUAWEICLOUD_SDK_SK": ""}
PASSWORD = {**OTHER, **dict(zip(("SECMASTER_USER", "SECMASTER_PASSWORD", "SECMASTER_DOMAIN"), USER, strict=True))}


def test_an_instance_as_a_table_and_as_json(shell, free):
    instance_id = free.workspace.edge_cases()["non-ascii"]
    code, out, err = shell("secmaster", "instance", instance_id, "--topology")
    assert (code, err) == (0, "")
    assert "自动关闭重复告警" in out
    assert "4 nodes" in out
    assert "2025-07-01 00:21" in out, "in UTC, as the column says"
    assert "HUAWEICLOUD_SDK_PROJECT_ID" in shell("secmaster", "instance", "--help")[1]
    code, out, _ = shell("secmaster", "instance", instance_id, "--json")
    told = json.loads(out)
    assert (told["id"], told["topology"], told["start_time"]) == (instance_id, None, "2025-07-01T08:21:00.000+08:00")


@pytest.mark.parametrize("kind", ["null fields", "missing fields", "running", "no nodes", "lone surrogate"])
def test_edge_cases(shell, free, kind):
    instance_id = free.workspace.edge_cases()[kind]
    assert shell("secmaster", "instance", instance_id, "--topology")[0] == 0
    assert shell("secmaster", "instance", instance_id, "--topology", "--json", PYTHONIOENCODING="ascii")[0] == 0


def test_instances(shell, free):
    code, out, err = shell("secmaster", "instances", "--json")
    assert (code, err) == (0, "")
    assert [json.loads(line)["id"] for line in out.splitlines()] == list(free.workspace.instance_ids())
    window = ("--since", "2025-07-01T02:00", "--until", "2025-07-01T11:00:00+08:00")
    code, out, _ = shell("secmaster", "instances", *window, "--json")
    assert [json.loads(line)["start_time"] for line in out.splitlines()] == [
        f"2025-07-01T10:{minute:02d}:00.000+08:00" for minute in range(6, 60, 7)
    ]
    code, out, _ = shell("secmaster", "instances", "--status", "failed", "--since", "2025-07-01T11:00:00.000Z+0800")
    assert code == 0
    assert "FAILED" in out
    assert "FINISHED" not in out


def test_harvest_and_what_follows(shell, free):
    code, out, err = shell("harvest", "secmaster", "--archive", "a.db", "--rate", "none")
    assert (code, out) == (0, "")
    assert err == "120 instances harvested into a.db, 2 requests; 0 were there already\n"
    code, out, _ = shell("harvest", "secmaster", "--topology", "--archive", "a.db", "--rate", "none", "--json")
    assert (code, json.loads(out)["nodes"], json.loads(out)["requests"]) == (0, 529, 122)
    assert json.loads(shell("status", "a.db", "--json")[1])["nodes"] == 529
    code, out, err = shell("export", "a.db", "--to", "-", "--format", "jsonl")
    assert err == "529 rows of nodes written\n", "there are no logs"
    assert (code, len(out.splitlines())) == (0, 529)
    window = ("--since", "2025-07-01T02:00:00Z", "--until", "2025-07-01T03:00:00Z")
    code, _, err = shell("harvest", "secmaster", *window, "--archive", "b.db")
    assert (code, err) == (0, "8 instances harvested into b.db, 1 request; 0 were there already\n")


def test_with_a_password(shell, free):
    assert shell("secmaster", "instances", "--json", **PASSWORD)[0] == 0
    assert free.iam.answered == {"iam.tokens": 1}


@pytest.mark.long
@pytest.mark.parametrize(
    ("arguments", "env", "code", "says"),
    [
        ((), {"HUAWEICLOUD_SDK_SK": "wrong"}, 4, "five wrong signatures in a row lock an access key"),
        ((), {"HUAWEICLOUD_SDK_AK": "NOSUCHKEY"}, 4, "ak not exist"),
        ((), {**OTHER, "SECMASTER_TOKEN": "no-such-token"}, 4, "decrypt token fail (HTTP 401, code APIGW.0301"),
        ((), {**PASSWORD, "SECMASTER_PASSWORD": "wrong"}, 4, "five wrong passwords lock the account"),
        ((), {"SECMASTER_WORKSPACE_ID": "nowhere"}, 4, "check the workspace id"),
        ((), {"HUAWEICLOUD_SDK_PROJECT_ID": "0" * 32}, 1, "Invalid project ID. (HTTP 400, code SecMaster.20030002"),
        ((), {"HUAWEICLOUD_SDK_PROJECT_ID": ""}, 2, "HUAWEICLOUD_SDK_PROJECT_ID is not set"),
        ((), {"SECMASTER_WORKSPACE_ID": ""}, 2, "SECMASTER_WORKSPACE_ID is not set"),
        ((), {"SECMASTER_BASE_URL": ""}, 2, "SECMASTER_REGION is not set"),
        ((), {"SECMASTER_BASE_URL": "", "SECMASTER_REGION": "mars-1"}, 2, "region='mars-1': pass one of cn-north-1"),
        ((), {"SECMASTER_TOKEN": "t"}, 2, "HUAWEICLOUD_SDK_AK and SECMASTER_TOKEN are set: two kinds of credentials"),
        ((), {"HUAWEICLOUD_SDK_SK": ""}, 2, "HUAWEICLOUD_SDK_SK not set"),
        ((), OTHER, 2, "no credentials for SecMaster are set"),
        ((), {"SECMASTER_BASE_URL": "http://soc.example.com"}, 2, "--insecure-http"),
        ((), {"SECMASTER_BASE_URL": "http://127.0.0.1:9"}, 5, "can't connect to 127.0.0.1:9"),
        (("--since", "tomorrow"), {}, 2, "'tomorrow' is no time such as 7d, 12h, yesterday, 2025-07-18"),
        (("--since", "2025-07-02", "--until", "2025-07-01"), {}, 2, "is not before until="),
    ],
)
def test_used_wrongly(shell, arguments, env, code, says):
    for command in (("secmaster", "instances"), ("harvest", "secmaster", "--archive", "a.db")):
        returned, out, err = shell(*command, *arguments, **env)
        assert (returned, out) == (code, ""), err
        again = command[0] == "harvest" and "not sent: this access key and secret key were refused" in err
        assert says in err or again


def test_an_expired_token_and_another_regions(shell, free):
    free.fault("0307", times=2)
    code, _, err = shell("secmaster", "instances", **OTHER, SECMASTER_TOKEN="of-yesterday")
    assert (code, "The token must be updated. (HTTP 401, code APIGW.0307" in err) == (4, True)
    assert "good for one project of one region" in err
    assert "pass a new one, or IamPassword or AccessKey" in err


def test_an_unknown_instance(shell):
    code, _, err = shell("secmaster", "instance", "00000000-7aaf-4732-baaf-46c1bb11dc8f")
    assert code == 1
    assert "Failed to obtain the data object. (HTTP 400, code SecMaster.20030005" in err
    assert "check the id, and that it belongs to SECMASTER_WORKSPACE_ID" in err


def test_a_wrong_secret_is_sent_once(shell, free):
    shell("harvest", "secmaster", "--topology", "--archive", "a.db", HUAWEICLOUD_SDK_SK="wrong")
    assert free.secmaster.answered == {"APIGW.0301": 1}


def test_a_signal_drains_and_the_same_command_goes_on(shell_in, sandbox, tmp_path):
    shell = shell_in(tmp_path, sandbox)
    command = ("harvest", "secmaster", "--topology", "--archive", "a.db", "--json")
    process = shell.start(*command)
    while sandbox.secmaster.answered["secmaster.workflow_instance"] < 10:
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    first = json.loads(process.communicate(timeout=30)[0])
    assert (process.returncode, first["stopped"]) == (143, True)
    code, out, _ = shell(*command)
    second = json.loads(out)
    assert (code, first["done"] + second["done"], second["skipped"]) == (0, 120, first["done"])
    assert sandbox.secmaster.answered["secmaster.workflow_instance"] == 120
    assert sandbox.secmaster.answered["APIGW.0308"] == 0


def test_the_constants_are_those_of_the_client():
    from workflowkit.cli.secmaster import STATUSES
    from workflowkit.secmaster import Status

    assert list(STATUSES) == [status.value for status in Status]


@pytest.mark.parametrize(("width", "shown"), [(130, {"took", "trigger", "started"}), (80, {"started"}), (62, set())])
def test_a_narrow_terminal_gets_fewer_columns_but_whole_ids(shell, free, width, shown):
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (40, width))
    command = [sys.executable, "-m", "workflowkit", "secmaster", "instances", "--status", "FAILED"]
    env = {**shell.env, "TERM": "xterm", "COLUMNS": str(width)}
    with subprocess.Popen(command, env=env, stdout=slave, stderr=slave, stdin=slave, cwd=shell.folder):
        os.close(slave)
        out = ""
        with suppress(OSError):
            while chunk := os.read(master, 65536):
                out += chunk.decode()
    os.close(master)
    plain = re.sub(r"\x1b\[[\d;]*m", "", out)
    assert {name for name in ("took", "trigger", "started") if name in plain} == shown
    assert "8eed56de-7aaf-4732-baaf-000000000073" in plain
    assert "Block an" in plain


def test_a_wrong_secret_key_is_sent_once_however_many_commands_try(shell, free):
    wrong = {"HUAWEICLOUD_SDK_SK": "not-the-secret-key"}
    assert shell("secmaster", "instances", **wrong)[0] == 4
    for command in (("secmaster", "instances"), ("harvest", "secmaster", "--archive", "a.db"), ("doctor",)):
        code, _, err = shell(*command, **wrong)
        assert code in (1, 4)
        assert command == ("doctor",) or "not sent: this access key and secret key were refused" in err
    assert free.secmaster.answered["APIGW.0301"] == 1
    assert shell("secmaster", "instances")[0] == 0, "another key is another matter"
    (remembered,) = (shell.folder / "settings").glob("refused-keys.json")
    assert remembered.stat().st_mode & 0o777 == 0o600
    assert "not-the-secret-key" not in remembered.read_text()
