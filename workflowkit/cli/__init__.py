"""The command line. Data goes to stdout, words for people to stderr.

Modules that take long to import (the HTTP client, tables, the sandbox) are imported by the
commands that need them, so that ``--help`` answers at once.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence

import click

from .. import __version__
from ..errors import WorkflowKitError
from .output import say

_COMMANDS = {
    "demo": "Run a harvest against the sandbox, and write its report. No account needed.",
    "jodoo": "Read one instance of Jodoo (简道云).",
    "secmaster": "Read workflow instances of a SecMaster workspace.",
    "plan": "Estimate the requests and the time of a harvest.",
    "harvest": "Read many instances into an archive. Run it again to continue.",
    "status": "Print the contents of an archive, and what could not be read.",
    "report": "Show where it waits and what fails, on the terminal or as an HTML page.",
    "attachments": "Print which files are saved, pending or lost.",
    "verify": "Check an archive against the vendor's own JSON.",
    "export": "Write a table of an archive to a file: CSV, JSON Lines, Parquet or XES.",
    "doctor": "Check addresses, credentials, clocks, certificates and an archive.",
    "config": "Print the settings in force and their origin.",
    "sandbox": "Serve a simulated Jodoo and SecMaster on this machine.",
}
"""Each command, and what it is for."""


class Commands(click.Group):
    """Imports a command when it is called: what harvests is not there to say ``--version``."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names, in the order of the help."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command, None if there is none of that name."""
        if cmd_name not in _COMMANDS:
            return None
        return _load(cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write what each is for, without importing it."""
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


def _load(name: str) -> click.Command:  # noqa: C901, PLR0911, PLR0912
    """Return a command. Each import is written out, for tools that pack a program look for them."""
    match name:
        case "attachments":
            from .attachments import attachments

            return attachments
        case "config":
            from .config import config

            return config
        case "demo":
            from .demo import demo

            return demo
        case "doctor":
            from .doctor import doctor

            return doctor
        case "export":
            from .export import export

            return export
        case "harvest":
            from .harvest import harvest

            return harvest
        case "jodoo":
            from .jodoo import jodoo

            return jodoo
        case "plan":
            from .plan import plan

            return plan
        case "report":
            from .report import report

            return report
        case "sandbox":
            from .sandbox import sandbox

            return sandbox
        case "secmaster":
            from .secmaster import secmaster

            return secmaster
        case "status":
            from .archive import status

            return status
        case _:
            from .archive import verify

            return verify


_EPILOG = """\b
Exit codes:
  0  success
  1  failed                3  some instances or files could not be read
  2  wrong usage           4  credentials refused
  130, 143  interrupted    5  service unavailable, or allowance used up
"""


@click.group(
    cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}, epilog=_EPILOG
)
@click.version_option(__version__, prog_name="workflowkit")
def cli() -> None:
    """Read workflow logs from Jodoo (简道云) and Huawei Cloud SecMaster, one instance or millions.

    \b
    No account?       workflowkit demo
    One instance:     workflowkit jodoo logs 6500cba90000000000000031
                      workflowkit secmaster instance 8eed56de-7aaf-4732-baaf-000000000073
    Bulk:             workflowkit harvest jodoo --app APP --archive approvals.db
                      workflowkit harvest secmaster --topology --archive soc.db

    Credentials are read from the environment. `workflowkit jodoo --help` and `workflowkit secmaster
    --help` list the variables. HTTPS_PROXY, NO_PROXY, SSL_CERT_FILE and REQUESTS_CA_BUNDLE are honoured.
    """


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code."""
    _prepare_streams()
    try:
        result = cli.main(arguments, prog_name="workflowkit", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except WorkflowKitError as error:
        from .failures import exit_code_of, hints_for

        say(f"Error: {'; '.join([str(error), *hints_for(error), *getattr(error, '__notes__', ())])}")
        return exit_code_of(error)
    except OSError as error:  # it has no words of ours: say what the system says, and of which file
        say(f"Error: {error}")
        return 1
    except (KeyboardInterrupt, click.Abort):
        say("interrupted")
        return 130
    return result if isinstance(result, int) else 0


def _prepare_streams() -> None:
    """Make data on stdout exact whatever the locale, and have somewhere to talk to.

    A terminal keeps its own encoding. Files that are opened later must not get the numbers of closed streams.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) < 3:
        pass
    os.close(descriptor)
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115  # as long as the process
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
            if stream is sys.stdout and not stream.isatty():
                stream.reconfigure(encoding="utf-8", newline="")
