"""Whether a service works: asked for something that it has answered for before."""

from __future__ import annotations

from contextlib import aclosing

from ..errors import WorkflowKitError
from ..source import Source
from .outage import FATAL, may_pass
from .tally import Tally


async def ask(source: Source, instance_id: str, tally: Tally) -> None:
    """Ask for an instance's tasks and a page of its logs; that it can't be had is an answer as well.

    Raises what is fatal, and what may pass: then the service doesn't work.
    """
    try:
        async with aclosing(source.batches(instance_id)) as batches:
            for _ in range(2):
                batch = await anext(batches, None)
                tally.requests += batch.requests if batch else 0
    except WorkflowKitError as error:
        tally.requests += error.attempts
        if isinstance(error, FATAL) or may_pass(error):
            raise
