"""`workflowkit sandbox`: both services on this machine, to try things on."""

from __future__ import annotations

import signal
import time

import click

from .options import as_json
from .output import print_json, say, write


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="TCP port. Default: a free port.")
@click.option("--instances", type=click.IntRange(0), default=300, show_default=True, help="Number of Jodoo instances.")
@as_json
def sandbox(port: int, instances: int, *, as_json: bool) -> None:
    """Serve a simulated Jodoo and SecMaster on this machine.

    They run until Ctrl-C, enforce the documented rate limits, and check signatures. The output is the environment for
    the other commands:

    \b
    workflowkit sandbox > sandbox.env & sleep 2; . ./sandbox.env
    workflowkit jodoo logs 6500cba90000000000000031
    workflowkit secmaster instances
    """
    from ..sandbox import Sandbox, World
    from ..sandbox.world import FORMS

    try:
        server = Sandbox(World(instances), port=port)
    except OSError as error:
        raise click.UsageError(
            f"port {port} can't be used ({str(error.strerror).partition(' (')[0]}): choose another"
        ) from None
    received: list[int] = []  # no lock: a signal may come while one is held
    signal.signal(signal.SIGTERM, lambda number, _: received.append(number))
    with server:
        if as_json:
            edge_cases = {"jodoo": server.world.edge_cases(), "secmaster": server.workspace.edge_cases()}
            print_json({**server.env, "edge_cases": edge_cases})
        else:
            for name, value in server.env.items():
                write(f"export {name}={value}")
            *_, one = ("none", *server.world.instance_ids(next(iter(FORMS))))
            *_, other = server.workspace.instance_ids()
            say(
                f"serving {instances:,} instances of Jodoo, for example {one}, "
                f"and {server.workspace.size} of SecMaster, for example {other}; Ctrl-C or SIGTERM ends it"
            )
        try:
            while not received:
                time.sleep(0.1)
        except KeyboardInterrupt:
            pass
