"""A harvest that is told to stop is gone within what docker and Kubernetes allow, whatever it waits for."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest

from workflowkit.sandbox import Sandbox, World

HANGING = """
import socket, sys, time
def hang(*_, **__):
    print("looking up", file=sys.stderr, flush=True)
    time.sleep(300)
socket.getaddrinfo = hang
sys.argv[0] = "workflowkit"
from workflowkit.__main__ import main
main()
"""


def stop(process, number=signal.SIGTERM):
    """Signal the process; return its exit code, what it said, and how many seconds it took."""
    process.send_signal(number)
    began = time.monotonic()
    _, err = process.communicate(timeout=50)  # what these processes wait for takes 60 s and more
    return process.returncode, err, time.monotonic() - began


@pytest.fixture
def harvesting(shell_in, tmp_path):
    with Sandbox(World(90), limited=False) as sandbox:
        shell = shell_in(tmp_path, sandbox)
        (tmp_path / "ids.txt").write_text("\n".join(list(sandbox.world.instance_ids())[12:]))

        def start(asked, rate="none"):
            process = shell.start("harvest", "jodoo", "--ids", "ids.txt", "--archive", "a.db", "--rate", rate)
            while sum(sandbox.jodoo.answered.values()) < asked:
                time.sleep(0.01)
            time.sleep(0.2)
            return process

        yield sandbox, start, shell


@pytest.mark.parametrize("kind", ["429", "502"])
def test_a_pause_is_dropped(harvesting, kind):
    sandbox, start, shell = harvesting
    if kind == "429":
        sandbox.fault("429", times=1000, seconds=60)
    else:
        sandbox.fault("slow", times=1)
        sandbox.fault("502", times=1000)
    code, err, _ = stop(start(1))
    assert code == 143, err
    sandbox._faults._coming.clear()
    assert shell("harvest", "jodoo", "--ids", "ids.txt", "--archive", "a.db", "--rate", "none")[0] == 0


def test_a_long_queue_is_dropped(harvesting):
    _, start, _ = harvesting
    code, err, _ = stop(start(1, rate="0.01"))
    assert code == 143, err


def test_an_answer_that_does_not_come_is_waited_for_a_while(harvesting):
    sandbox, start, _ = harvesting
    sandbox.fault("slow", times=1000, seconds=60)
    code, err, seconds = stop(start(20))
    assert (code, seconds > 3) == (143, True), err


@pytest.mark.parametrize(
    "command", [("jodoo", "logs", "6500cba90000000000000031"), ("harvest", "jodoo", "--app", "a", "--archive", "a.db")]
)
def test_a_name_lookup_that_hangs_holds_up_nothing(shell, command):
    process = subprocess.Popen(
        [sys.executable, "-c", HANGING, *command],
        cwd=shell.folder,
        env={**shell.env, "JODOO_BASE_URL": "https://service.example/api"},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    assert process.stderr.readline() == "looking up\n"
    code, err, _ = stop(process, signal.SIGINT)
    assert code == 130, err


def test_a_thread_that_hangs_holds_up_no_end(shell):
    hanging = """
import sys, threading, time
import workflowkit.cli
run = workflowkit.cli.run
def with_thread():
    threading.Thread(target=time.sleep, args=(300,)).start()
    return run()
workflowkit.cli.run = with_thread
from workflowkit.__main__ import main
main()
"""
    process = subprocess.run(
        [sys.executable, "-c", hanging, "jodoo", "logs", "no id"],
        env=shell.env,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert (process.returncode, "no id" in process.stderr) == (2, True), process.stderr


def test_a_signal_that_is_ignored_stays_ignored(harvesting):
    sandbox, start, _ = harvesting
    sandbox.fault("slow", times=4, seconds=2)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        process = start(4)
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    code, err, _ = stop(process, signal.SIGINT)
    assert code == 0, err
    assert "finishing" not in err


def test_a_sandbox_ends_at_a_signal(shell):
    for _ in range(3):
        process = shell.start("sandbox")
        process.stdout.readline()
        code, err, _ = stop(process)
        assert code == 0, err
