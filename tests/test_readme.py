"""Everything the README shows is run, and prints what the README says it prints."""

from __future__ import annotations

import inspect
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

import workflowkit
from workflowkit import cli
from workflowkit.sandbox import Sandbox

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
FENCES = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
SCRIPTS = [
    (code, FENCES[number + 1][1])
    for number, (kind, code) in enumerate(FENCES)
    if kind == "python" and "asyncio.run" in code
]
TESTS = [code for kind, code in FENCES if kind == "python" and "asyncio.run" not in code]


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
    assert len(SCRIPTS) == 5
    assert len(TESTS) == 1


@pytest.mark.parametrize(("code", "expected"), SCRIPTS)
def test_python_prints_what_is_shown(tmp_path, sandbox, code, expected):
    printed = run([sys.executable, "-c", code], tmp_path, sandbox)
    assert same(printed, expected), printed


def test_console_prints_what_is_shown(tmp_path, sandbox):
    sessions = "".join(code for kind, code in FENCES if kind == "console")
    for session in re.split(r"^\$ ", sessions, flags=re.MULTILINE)[1:]:
        command, _, expected = session.partition("\n")
        name, *arguments = shlex.split(command)
        assert name == "workflowkit"
        printed = run([sys.executable, "-m", name, *arguments], tmp_path, sandbox)
        assert same(printed, expected), printed


def test_the_test_shown_is_a_test_that_passes(tmp_path, sandbox):
    conftest, test = TESTS[0].split("# test_yours.py\n")
    (tmp_path / "conftest.py").write_text(conftest)
    (tmp_path / "test_yours.py").write_text(test)
    printed = run(
        [sys.executable, "-m", "pytest", "-q", "-o", "asyncio_mode=auto", "-c", os.devnull, "."], tmp_path, sandbox
    )
    assert "1 passed" in printed


def commands(group: click.Group, *path: str) -> dict[tuple[str, ...], click.Command]:
    found: dict[tuple[str, ...], click.Command] = {}
    for name, command in group.commands.items():
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
        subject: click.Command = cli.cli.commands[name]
        while isinstance(subject, click.Group):
            subject = subject.commands[arguments.pop(0)]
        subject.make_context(name, arguments, resilient_parsing=False)


@pytest.mark.parametrize("name", ["JodooClient", "SecMasterClient"])
def test_every_option_of_a_client_is_in_its_docstring(name):
    client = getattr(workflowkit, name)
    documented = inspect.getdoc(client) or ""
    options = [option for option in inspect.signature(client).parameters.values() if option.kind is option.KEYWORD_ONLY]
    assert len(options) > 9
    for option in options:
        assert f"\n    {option.name}: " in documented, option.name
