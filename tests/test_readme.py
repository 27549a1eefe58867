"""Everything the README shows is run, and prints what the README says it prints."""

from __future__ import annotations

import asyncio
import inspect
import itertools
import json
import logging
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import click
import httpx
import pytest

import workflowkit
from workflowkit import cli
from workflowkit.options import ClientOptions
from workflowkit.sandbox import Sandbox

_log = logging.getLogger(__name__)

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
FENCES = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
SCRIPTS = [
    (code, FENCES[number + 1][1])
    for number, (kind, code) in enumerate(FENCES)
    if kind == "python" and "asyncio.run" in code
]
MODULES = [code for kind, code in FENCES if kind == "python" and "asyncio.run" not in code]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("readme")


def run(command: list[str], folder: Path, sandbox: Sandbox) -> str:
    env = {**os.environ, **sandbox.env}
    done = subprocess.run(
        command,
        cwd=folder,
        env=env,
        text=True,
        encoding="utf-8",
        check=True,
        timeout=50,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    return done.stdout


def same(printed: str, expected: str) -> bool:
    """Compare, but for blanks at the ends of lines; ``...`` stands for any text, lines included."""
    shown, seen = (re.sub(r"[ \n]+\n|\s+$", "\n", text) for text in (expected, printed))
    return re.fullmatch(".*".join(map(re.escape, shown.split("..."))), seen, re.DOTALL) is not None


def test_there_is_something_to_run():
    assert len(SCRIPTS) == 3
    assert [code.split("\n")[0] for code in MODULES] == ["# service.py", "# conftest.py"]


@pytest.mark.parametrize(("code", "expected"), SCRIPTS)
def test_python_prints_what_is_shown(tmp_path, sandbox, code, expected):
    printed = run([sys.executable, "-c", code], tmp_path, sandbox)
    assert same(printed, expected), printed


@pytest.mark.long
def test_python_has_no_type_errors(tmp_path):
    for number, code in enumerate([*(code for code, _ in SCRIPTS), *MODULES]):
        (tmp_path / f"readme_{number}.py").write_text(code, encoding="utf-8")
    settings = {"include": [str(tmp_path)], "reportMissingImports": False, "typeCheckingMode": "standard"}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings))
    command = [sys.executable, "-m", "pyright", "--pythonpath", sys.executable, "-p", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=55, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.long
def test_console_prints_what_is_shown(tmp_path, sandbox):
    sessions = "".join(code for kind, code in FENCES if kind == "console")
    for session in re.split(r"^\$ ", sessions, flags=re.MULTILINE)[1:]:
        command, _, expected = session.partition("\n")
        name, *arguments = shlex.split(command)
        assert name == "workflowkit"
        printed = run([sys.executable, "-m", name, *arguments], tmp_path, sandbox)
        assert same(printed, expected), printed


def test_the_test_shown_is_a_test_that_passes(tmp_path, sandbox):
    conftest, test = MODULES[1].split("# test_yours.py\n")
    (tmp_path / "conftest.py").write_text(conftest)
    (tmp_path / "test_yours.py").write_text(test)
    printed = run(
        [sys.executable, "-m", "pytest", "-q", "-o", "asyncio_mode=auto", "-c", os.devnull, "."], tmp_path, sandbox
    )
    assert "1 passed" in printed


@pytest.fixture
def service(tmp_path, sandbox):
    """The service shown, serving; its address."""
    (tmp_path / "service.py").write_text(MODULES[0])
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "service:app", "--port", str(port), "--log-level", "warning"]
    env = {**os.environ, **sandbox.env}
    process = subprocess.Popen(command, cwd=tmp_path, env=env, stderr=subprocess.PIPE, text=True)
    yield f"http://127.0.0.1:{port}"
    process.send_signal(signal.SIGTERM)
    _, complaints = process.communicate(timeout=20)
    assert complaints == ""


@pytest.mark.long
async def test_500_handlers_and_a_harvest_share_the_limit_and_nobody_starves(service, sandbox):
    async with httpx.AsyncClient(base_url=service, limits=httpx.Limits(max_connections=None), timeout=50) as client:
        await until_it_serves(client)

        async def ask(instance_id: str) -> float:
            asked = time.monotonic()
            answer = await client.get(f"/logs/{instance_id}")
            assert answer.status_code == 200
            return time.monotonic() - asked

        ids = itertools.islice(itertools.cycle(sandbox.world.instance_ids()), 500)
        asking = asyncio.gather(*(ask(instance_id) for instance_id in ids))
        longest_line = 0
        while not asking.done():
            tenant, *_ = (await client.get("/limits")).json()
            longest_line = max(longest_line, tenant["waiting"])
            await asyncio.wait([asking], timeout=0.25)
        waits = await asking
        for unknown in ("659cba93489a49c06f7d4281", "a%20b"):
            assert (await client.get(f"/logs/{unknown}")).status_code == 404
        beside = sandbox.jodoo.answered["workflow_logs"] - 500
    _log.info("the longest of 500 waits: %.1f s; requests of the harvest meanwhile: %d", max(waits), beside)
    assert sandbox.jodoo.answered["8303"] + sandbox.jodoo.answered["8304"] == 0
    assert longest_line > 50, "they wait in the client's line"
    assert beside > 0, "the harvest had its share"


async def until_it_serves(client: httpx.AsyncClient) -> None:
    while True:
        try:
            if len((await client.get("/limits")).json()) > 1:  # the harvest has begun
                return
        except httpx.ConnectError:
            pass
        await asyncio.sleep(0.05)


def commands(group: click.Group, *path: str) -> dict[tuple[str, ...], click.Command]:
    found: dict[tuple[str, ...], click.Command] = {}
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        found |= commands(command, *path, name) if isinstance(command, click.Group) else {(*path, name): command}
    return found


@pytest.mark.parametrize("path", commands(cli.cli), ids=" ".join)
def test_every_command_is_documented_and_its_examples_parse(path):
    command = commands(cli.cli)[path]
    assert f"workflowkit {' '.join(path)}" in README
    assert command.help
    assert all(option.help for option in command.params if isinstance(option, click.Option))
    examples = re.findall(r"^\s*workflowkit (.*?)(?: [|&>].*)?$", command.help, re.MULTILINE)
    assert examples or path == ("demo",)
    for example in examples:
        name, *arguments = shlex.split(example)
        found = cli.cli.get_command(click.Context(cli.cli), name)
        while isinstance(found, click.Group):
            found = found.commands[arguments.pop(0)]
        assert found is not None
        found.make_context(name, arguments, resilient_parsing=False)


@pytest.mark.parametrize("name", ["JodooClient", "SecMasterClient"])
def test_every_option_of_a_client_is_in_its_docstring(name):
    client = getattr(workflowkit, name)
    documented = inspect.getdoc(client) or ""
    own = [option for option in inspect.signature(client).parameters.values() if option.kind is option.KEYWORD_ONLY]
    options = [*(option.name for option in own), *ClientOptions.__annotations__]
    assert len(options) > 9
    for option in options:
        assert f"\n    {option}: " in documented, option
