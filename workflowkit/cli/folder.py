"""Where the command line keeps files of its own: the configuration, and beside it the keys that were refused."""

from __future__ import annotations

import os
from pathlib import Path

import click


def config_path() -> Path:
    """Return where the configuration file is, or would be: in the platform's folder, unless WORKFLOWKIT_CONFIG says."""
    return Path(os.environ.get("WORKFLOWKIT_CONFIG") or Path(click.get_app_dir("workflowkit")) / "config.toml")
