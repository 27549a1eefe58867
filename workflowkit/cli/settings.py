"""Where a command's settings come from: the environment, or a profile in the configuration file.

A profile is whole by itself: nothing else is taken from the environment, so that two companies never
get mixed up. The one secret it needs is read from a variable that it names, or printed by a command.

    [jodoo.acme]
    edition = "jiandaoyun"
    app = "6573f1c2a9d4e80007b1c001"
    key_command = ["pass", "show", "jodoo/acme"]

    [secmaster.soc]
    region = "ap-southeast-3"
    project_id = "15645222e8744afa985c93dab6341da6"
    workspace_id = "909494e3-558e-46b6-a9eb-07a8e18ca62f"
    ak = "..."
    key_env = "SOC_SECRET_KEY"
"""

from __future__ import annotations

import os
import shlex
import subprocess
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import attrs
import click

from ..errors import ConfigError
from ..redact import Environment, Secret
from .folder import config_path
from .options import Decorator
from .systems import SYSTEMS, Account, System, system_of

SECRET: frozenset[str] = frozenset(("api_key", "sk", "security_token", "password", "token"))
_KEYS = ("key_env", "key_command")
_PATIENCE = 60.0
"""Seconds that a key_command may take: it may ask for a fingerprint."""


of_profile: Decorator = click.option(
    "--profile", metavar="NAME", help="Use this profile of the configuration file instead of the environment."
)
"""What chooses one profile."""


@attrs.frozen
class Setting:
    """A value, and where it comes from. The value of a secret is None until it is needed."""

    value: str | None
    origin: str


def profiles() -> dict[str, dict[str, Any]]:
    """Return the profiles in the configuration file by system. It is empty if there is no file."""
    path = config_path()
    try:
        read = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: can't be read ({getattr(error, 'strerror', None) or error})") from None
    for system, tables in read.items():
        are_tables = isinstance(tables, dict) and all(isinstance(table, dict) for table in tables.values())
        if system_of(system) is None or not are_tables:
            raise ConfigError(f"{path}: {system!r}: profiles are tables such as [jodoo.acme] or [secmaster.soc]")
    return read


def settings(system: System, profile: str | None) -> dict[str, Setting]:
    """Return what is set for a system, by the environment or by the profile of that name."""
    if profile is not None:
        return dict(_of_profile(system, profile))
    names = system.variables()
    return {name: Setting(os.environ[names[name]], names[name]) for name in names if os.environ.get(names[name])}


def environ(system: System, profile: str) -> Environment:
    """Return a profile as the variables that hold the same, its secret included."""
    found = settings(system, profile)
    names = system.variables()
    values = {names[name]: setting.value for name, setting in found.items() if name in names and setting.value}
    secret = next(name for name in found if name in SECRET)
    return Environment({**values, names[secret]: _secret(profiles()[system.name][profile], f"profile {profile!r}")})


def accounts(system: System, names: Sequence[str]) -> list[Account]:
    """Return the profiles of these names, or without any, who the environment says."""
    if not names:
        return [Account()]
    return [
        Account(
            partial(environ, system, profile),
            {name: setting.value for name, setting in settings(system, profile).items() if name in system.chosen},
        )
        for profile in names
    ]


def check_profile(profile: str | None) -> None:
    """Raise ConfigError for a profile that no system has."""
    if profile is not None and not any(profile in known for known in profiles().values()):
        settings(SYSTEMS[0], profile)


def _of_profile(system: System, profile: str) -> Iterator[tuple[str, Setting]]:
    path = config_path()
    known = profiles().get(system.name, {})
    if profile not in known:
        names = ", ".join(map(repr, known)) or "none"
        raise ConfigError(
            f"profile {profile!r}: {path} has no [{system.name}.{profile}]; of {system.name} it has {names}"
        )
    table, where = known[profile], f"profile {profile!r} in {path}"
    for name, value in table.items():
        if name in SECRET:
            raise ConfigError(f"{where}: {name} doesn't belong into a file: name a key_env or a key_command instead")
        if name not in {*system.variables(), *system.chosen, *_KEYS}:
            raise ConfigError(f"{where}: {name!r} is unknown; choose from {', '.join(_choices(system))}")
        is_words = name == "key_command" and isinstance(value, list) and all(isinstance(each, str) for each in value)
        if not value or not (isinstance(value, str) or is_words):
            raise ConfigError(f"{where}: {name} has to be text, and not empty")
        if name not in _KEYS:
            yield name, Setting(value, where)
    if sum(name in table for name in _KEYS) != 1:
        raise ConfigError(f"{where}: name either key_env or key_command, where the secret comes from")
    if "tenant" in system.variables() and "tenant" not in table:
        yield "tenant", Setting(profile, "the profile's name")
    if "key_command" in table and not _command(table["key_command"]):
        raise ConfigError(f"{where}: key_command can't be taken apart into words; write a list of them")
    yield (
        system.secret_of(table),
        Setting(None, str(table.get("key_env") or f"printed by {_command(table['key_command'])[0]}")),
    )


def _choices(system: System) -> list[str]:
    return sorted({*system.variables(), *system.chosen, *_KEYS} - SECRET)


def _command(command: str | list[str]) -> list[str]:
    try:
        return shlex.split(command) if isinstance(command, str) else command
    except ValueError:  # a quotation mark without its other one
        return []


def _secret(table: Mapping[str, Any], where: str) -> Secret:
    """Return the profile's secret. What the command says otherwise is shown nowhere."""
    if "key_env" in table:
        value = Secret(os.environ.get(str(table["key_env"]), ""))
        problem = f"{where}: {table['key_env']}, its key_env, is not set: export it"
    else:
        command = _command(table["key_command"])
        problem = f"{where}: {command[0]!r}, its key_command, "
        try:
            done = subprocess.run(  # noqa: S603  # a command of their own; stdin may hold ids
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True, timeout=_PATIENCE
            )
        except (OSError, subprocess.SubprocessError) as error:
            code = getattr(error, "returncode", None)
            reason = f"ended with {code}" if code is not None else getattr(error, "strerror", None) or "took too long"
            raise ConfigError(f"{problem}{reason}; run it by hand") from None
        value = Secret(done.stdout.decode("utf-8", "replace").strip())
        problem += "printed nothing; run it by hand"
    if not value:
        raise ConfigError(problem)
    return value
