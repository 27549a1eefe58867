"""Whether a service works: asked for something that it has answered for before."""

from __future__ import annotations

from contextlib import aclosing

from ..errors import WorkflowKitError
from ..source import Source
from .outage import is_general
from .tally import Tally


async def ask(source: Source, instance_id: str, tally: Tally, *, after: int | None = None, most: int = 2) -> None:
    """Ask for up to so many batches of an instance. That it can't be had is a response as well.

    Two from the beginning on have been of each kind. Raises what is fatal, and what may pass: then the
    service doesn't work.
    """
    try:
        async with aclosing(source.batches(instance_id, after)) as batches:
            for _ in range(most):
                batch = await anext(batches, None)
                tally.requests += batch.requests if batch else 0
    except WorkflowKitError as error:
        tally.requests += error.attempts
        if is_general(error):
            raise
