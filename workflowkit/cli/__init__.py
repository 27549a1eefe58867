"""The command line. Data goes to stdout, words for people to stderr.

Modules that take long to import (the HTTP client, tables, the sandbox) are imported by the
commands that need them, so that ``--help`` answers at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence

import click

from .. import __version__
from ..errors import (
    AuthenticationError,
    ConfigError,
    NotFound,
    PermissionDenied,
    QuotaExceeded,
    RateLimited,
    ServerError,
    TransportError,
    WorkflowKitError,
)
from .archive import export, status
from .demo import demo
from .harvest import harvest
from .jodoo import jodoo
from .sandbox import sandbox

_EXIT_CODES: Sequence[tuple[tuple[type[WorkflowKitError], ...], int]] = (
    ((ConfigError,), 2),
    ((AuthenticationError, PermissionDenied), 4),
    ((TransportError, ServerError, RateLimited, QuotaExceeded), 5),
)

_HINTS: Mapping[type[WorkflowKitError], str] = {
    AuthenticationError: "check JODOO_API_KEY, and that JODOO_EDITION or JODOO_BASE_URL is that of the key",
    NotFound: "check the id, and that it belongs to the company of JODOO_API_KEY",
}
"""What to do, where the service's own words don't say."""

_EPILOG = """\b
Exit codes:
  0  done
  1  failed                        3  done, but some instances failed
  2  called wrongly                4  credentials refused
  130, 143  interrupted            5  service unavailable, or quota used up
"""


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}, epilog=_EPILOG)
@click.version_option(__version__, prog_name="workflowkit")
def cli() -> None:
    """Read workflow logs from Jodoo (简道云), one instance or millions.

    \b
    No account?      workflowkit demo
    One instance:    workflowkit jodoo logs 659cba93489a49c06f7d4281
    All of an app:   workflowkit harvest jodoo --app APP --archive approvals.db

    The API key is read from JODOO_API_KEY.
    """


for _command in (demo, jodoo, harvest, status, export, sandbox):
    cli.add_command(_command)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        result = cli.main(arguments, prog_name="workflowkit", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except WorkflowKitError as error:
        hints = (hint for kind, hint in _HINTS.items() if isinstance(error, kind))
        click.echo(f"Error: {'; '.join([str(error), *getattr(error, '__notes__', ()), *hints])}", err=True)
        return next((code for kinds, code in _EXIT_CODES if isinstance(error, kinds)), 1)
    except OSError as error:  # of our own output: whatever else is read or written has errors of its own
        click.echo(f"Error: can't write to stdout ({error.strerror})", err=True)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what is still to be flushed
        return 1
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted", err=True)
        return 130
    return result if isinstance(result, int) else 0
