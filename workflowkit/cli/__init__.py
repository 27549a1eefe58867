"""The command line. Data goes to stdout, words for people to stderr.

Modules that take long to import (the HTTP client, tables, the sandbox) are imported by the
commands that need them, so that ``--help`` answers at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from .. import __version__
from ..errors import WorkflowKitError
from .archive import export, status, verify
from .attachments import attachments
from .config import config
from .demo import demo
from .doctor import doctor
from .failures import exit_code_of, hints_for
from .harvest import harvest
from .jodoo import jodoo
from .plan import plan
from .sandbox import sandbox
from .secmaster import secmaster

_EPILOG = """\b
Exit codes:
  0  done
  1  failed                        3  done, but for some instances or files
  2  called wrongly                4  credentials refused
  130, 143  interrupted            5  service unavailable, or quota used up
"""


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}, epilog=_EPILOG)
@click.version_option(__version__, prog_name="workflowkit")
def cli() -> None:
    """Read workflow logs from Jodoo (简道云) and Huawei Cloud SecMaster, one instance or millions.

    \b
    No account?       workflowkit demo
    One instance:     workflowkit jodoo logs 659cba93489a49c06f7d4281
                      workflowkit secmaster instance 8eed56de-7aaf-4732-baaf-000000000073
    Very many:        workflowkit harvest jodoo --app APP --archive approvals.db
                      workflowkit harvest secmaster --topology --archive soc.db

    Credentials are read from the environment: JODOO_API_KEY; for SecMaster see its commands.
    """


for _command in (demo, jodoo, secmaster, plan, harvest, status, attachments, verify, export, doctor, config, sandbox):
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
        click.echo(f"Error: {'; '.join([str(error), *hints_for(error), *getattr(error, '__notes__', ())])}", err=True)
        return exit_code_of(error)
    except OSError as error:  # of our own output: whatever else is read or written has errors of its own
        click.echo(f"Error: can't write to stdout ({error.strerror})", err=True)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what is still to be flushed
        return 1
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted", err=True)
        return 130
    return result if isinstance(result, int) else 0
