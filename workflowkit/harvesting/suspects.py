"""Whose fault a failure is that may pass by itself: the service's, or that of the one instance.

An instance that fails so is **held**: it isn't tried again until something else succeeds. That is a
strike against it, since the service works. With the third it is convicted, and recorded as failed.
If as many are held as are in flight at once, or there is nothing else left to try, the service may
be down, and only something that it has answered before can tell.
"""

from __future__ import annotations

from ..errors import WorkflowKitError

_STRIKES = 3

FEWEST = 3
"""How many must be held before a single worker takes what it asks to be down."""


class Suspects:
    """Instances that have failed, and how often something else has succeeded since.

    Attributes:
        held: the latest error of each that isn't to be tried now.
    """

    def __init__(self) -> None:
        self.held: dict[str, WorkflowKitError] = {}
        self._strikes: dict[str, int] = {}

    def hold(self, instance_id: str, error: WorkflowKitError) -> None:
        """Hold an instance that has failed."""
        self.held[instance_id] = error

    def release(self) -> set[str]:
        """Hold nobody any more. Return who was held."""
        held, self.held = self.held, {}
        return set(held)

    def judge(self, succeeded: str | None) -> tuple[set[str], dict[str, WorkflowKitError]]:
        """Take in that something has succeeded. Return who may try again, and who is convicted, with the error."""
        if succeeded is not None:
            self._strikes.pop(succeeded, None)
        held, self.held = self.held, {}
        for instance_id in held:
            self._strikes[instance_id] = self._strikes.get(instance_id, 0) + 1
        convicted = {instance_id for instance_id in held if self._strikes[instance_id] >= _STRIKES}
        for instance_id in convicted:
            del self._strikes[instance_id]
        return held.keys() - convicted, {instance_id: held[instance_id] for instance_id in convicted}
