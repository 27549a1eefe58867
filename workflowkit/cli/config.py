"""`workflowkit config`: what is in force, and where it comes from."""

from __future__ import annotations

import click

from ..redact import redact_url
from .folder import config_path
from .options import as_json
from .output import print_json, print_table, write
from .settings import SECRET, check_profile, of_profile, profiles, settings
from .systems import SYSTEMS


@click.command()
@of_profile
@as_json
def config(profile: str | None, *, as_json: bool) -> None:
    """Print the settings in force and their origin.

    Secrets are never printed.

    \b
    workflowkit config
    workflowkit config --profile acme

    A profile of the configuration file names one company. Its secret is read from a variable, or from
    the output of a command:

    \b
    [jodoo.acme]
    app = "6573f1c2a9d4e80007b1c001"
    key_command = ["pass", "show", "jodoo/acme"]

    \b
    [jodoo.globex]
    edition = "jiandaoyun"
    key_env = "GLOBEX_KEY"
    """
    path = config_path()
    known = profiles()
    rows = [
        (system.name, name, "(hidden)" if name in SECRET | {"ak"} else _shown(name, setting.value), setting.origin)
        for system in SYSTEMS
        if profile is None or profile in known.get(system.name, {})
        for name, setting in settings(system, profile).items()
    ]
    check_profile(profile)
    names = {system: sorted(tables) for system, tables in known.items()}
    if as_json:
        keys = ("system", "setting", "value", "origin")
        found = [dict(zip(keys, row, strict=True)) for row in rows]
        print_json({"file": str(path), "exists": path.exists(), "profiles": names, "settings": found})
        return
    print_table("in force" if rows else "nothing is set", ("system", "setting", "value", "from"), rows)
    listed = ", ".join(f"{name} ({system})" for system, tables in names.items() for name in tables)
    about = f"profiles: {listed}" if listed else "no profiles" if path.exists() else "it isn't there, and needn't be"
    write(f"configuration file: {path}; {about}")


def _shown(name: str, value: str | None) -> str | None:
    """Return the value as it may be shown: an address may hold a password."""
    return redact_url(value) if value and name in ("base_url", "iam_endpoint") else value
