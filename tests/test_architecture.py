"""The shape of the house: layers, lightness, names, and what a plain install can do."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

import workflowkit

ROOT = Path(__file__).parents[1]
PACKAGE = Path(workflowkit.__file__).parent
TOP_LEVEL = {"pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE", "workflowkit", "tests", "benchmarks"}
SOURCES = sorted(PACKAGE.rglob("*.py"))


def python(code: str, *flags: str) -> str:
    done = subprocess.run([sys.executable, *flags, "-c", code], capture_output=True, text=True, check=False, timeout=50)
    assert done.returncode == 0, done.stderr
    return done.stdout


def contracts(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=50)


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        (None, "", None),
        ("errors.py", "from . import client", "imports run down the layers"),
        ("paginator.py", "from .jodoo import models", "imports run down the layers"),
        ("sandbox/world.py", "from ..errors import NotFound", "the sandbox knows nothing of the client side"),
        ("harvesting/engine.py", "from ..jodoo import JodooClient", "the harvest knows no service by name"),
        ("archive/queue.py", "from ..secmaster import IamToken", "the harvest knows no service by name"),
        ("sandbox/gateway.py", "from ..secmaster.signing import sign", "the sandbox knows nothing of the client side"),
        ("harvesting/engine.py", "import sqlite3", "all SQL is in the archive"),
        ("jodoo/client.py", "import httpx", "HTTP libraries stay in the transports"),
        ("secmaster/auth.py", "import httpx", "HTTP libraries stay in the transports"),
        ("files/fetch.py", "import aiohttp", "HTTP libraries stay in the transports"),
        ("secmaster/codes.py", "from ..jodoo.codes import classify", "imports run down the layers"),
    ],
)
def test_a_planted_violation_breaks_its_contract(tmp_path, module, line, contract):
    shutil.copytree(PACKAGE, tmp_path / "workflowkit", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    if module is not None:
        planted = tmp_path / "workflowkit" / module
        planted.write_text(planted.read_text().replace("from __future__ import annotations\n", f"\n{line}\n", 1))
    done = contracts(tmp_path)
    assert (done.returncode == 0) == (contract is None), done.stdout
    assert contract is None or re.search(f"{contract}.* BROKEN", done.stdout), done.stdout


def test_importing_the_package_imports_next_to_nothing():
    loaded = python("import sys; import workflowkit; print(*sorted(sys.modules))").split()
    assert [name for name in loaded if name.startswith("workflowkit")] == ["workflowkit"]
    assert not {"httpx", "attr", "cattrs", "msgspec", "sqlite3", "asyncio"} & set(loaded)


@pytest.mark.parametrize(("client", "other"), [("JodooClient", "secmaster"), ("SecMasterClient", "jodoo")])
def test_a_client_needs_neither_command_line_nor_database_nor_cattrs(client, other):
    loaded = set(python(f"import sys; from workflowkit import {client}; print(*sys.modules)").split())
    assert f"workflowkit.{other}" not in loaded
    assert not {"starlette", "uvicorn", "sqlite3", "cattrs", "workflowkit.sandbox"} & loaded
    ours = {name for name in loaded if name.startswith("workflowkit")}
    assert not {"workflowkit.cli", "workflowkit.harvesting", "workflowkit.export"} & ours


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["harvest", "jodoo", "--help"]])
def test_help_comes_without_clients_tables_and_servers(arguments):
    code = (
        "import sys\nfrom workflowkit.cli import run\n"
        f"run({arguments!r})\nprint('\\n', *sys.modules, sep='\\n', file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=50)
    assert not {"httpx", "rich", "starlette", "uvicorn", "sqlite3", "cattrs"} & set(done.stderr.split())


@pytest.mark.long
@pytest.mark.parametrize("missing", ["click", "rich", "starlette", "uvicorn"])
def test_without_the_extra_there_is_one_line_that_says_what_to_install(missing, tmp_path):
    code = (
        f"import sys; sys.modules[{missing!r}] = None\n"
        "sys.argv = ['workflowkit', 'demo']\n"
        "from workflowkit.__main__ import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=50, cwd=tmp_path
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "the command line needs an extra: pip install 'workflowkit[cli]'"
    assert "Traceback" not in done.stderr


def test_every_public_name_can_be_had_and_is_sorted():
    assert workflowkit.__all__ == sorted(
        workflowkit.__all__, key=lambda name: (name[0].islower() or name[0] == "_", name)
    )
    for name in workflowkit.__all__:
        assert getattr(workflowkit, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = workflowkit.nonsense
    assert set(workflowkit.__all__) == set(dir(workflowkit))


def test_names_say_something_and_files_stay_small():
    assert not [
        path for path in SOURCES if path.stem.strip("_") in {"utils", "util", "helpers", "common", "manager", "misc"}
    ]
    assert not [path for path in SOURCES if len(path.read_text().splitlines()) > 400]


def test_nothing_but_the_agreed_stands_at_the_top():
    if not (ROOT / ".git").exists():
        pytest.skip("not a checkout")
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    tops = {line.split("/")[0] for line in listed.splitlines()}
    assert {top for top in tops if not top.startswith(".")} <= TOP_LEVEL


def test_the_newest_changelog_entry_is_this_version():
    heading = re.search(r"^## \[(\d[^]]*)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert heading is not None
    assert heading[1] == workflowkit.__version__


def test_the_help_of_a_command_begins_with_its_summary():
    from workflowkit import cli

    context = click.Context(cli.cli)
    for name, summary in cli._COMMANDS.items():
        command = cli.cli.get_command(context, name)
        assert command is not None
        assert (command.help or "").split("\n\n")[0] == summary


def test_py_typed_is_shipped():
    assert (PACKAGE / "py.typed").exists()


def test_prints_are_for_the_command_line_only():
    printing = [path for path in SOURCES if re.search(r"^\s*print\(", path.read_text(), re.MULTILINE)]
    assert printing == []
