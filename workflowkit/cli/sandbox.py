"""`workflowkit sandbox`: both services on this machine, to try things on."""

from __future__ import annotations

import signal
import threading

import click

from .options import as_json
from .output import print_json, say


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Which port; a free one by default.")
@click.option("--instances", type=click.IntRange(0), default=300, show_default=True, help="How many it serves.")
@as_json
def sandbox(port: int, instances: int, *, as_json: bool) -> None:
    """Serve an invented Jodoo on this machine until Ctrl-C.

    It enforces the documented rates, and prints the environment that makes the other commands use it:

    \b
    workflowkit sandbox --port 8377 &
    export JODOO_API_KEY=sandbox-key JODOO_BASE_URL=http://127.0.0.1:8377/api
    workflowkit jodoo logs 6500cba90000000000000005
    """
    from ..sandbox import Sandbox, World

    try:
        server = Sandbox(World(instances), port=port)
    except OSError as error:
        raise click.UsageError(
            f"port {port} can't be used ({str(error.strerror).partition(' (')[0]}): choose another"
        ) from None
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    with server:
        if as_json:
            print_json({**server.env, "awkward": server.world.awkward()})
        else:
            for name, value in server.env.items():
                click.echo(f"export {name}={value}")
            example = next(server.world.instance_ids(), "none")
            say(f"serving {instances:,} instances; for example {example}; Ctrl-C ends it")
        try:
            while not ended.wait(0.5):
                pass
        except KeyboardInterrupt:
            pass
