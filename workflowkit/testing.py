"""pytest fixtures for code that uses workflowkit: a real server to talk to, no account needed.

Turn them on with ``pytest_plugins = ["workflowkit.testing"]`` in ``conftest.py``. They need pytest
and the ``cli`` extra, which brings the sandbox.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .sandbox import Sandbox


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A sandbox of its own for the test, on a free port. It enforces the documented limits."""
    with Sandbox() as server:
        yield server


@pytest.fixture
def sandbox_env(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """The sandbox, with the environment set so that ``from_env`` and the command line use it."""
    for name, value in sandbox.env.items():
        monkeypatch.setenv(name, value)
    return sandbox
