"""A local HTTP server that behaves like the services do: limits, errors and faults included.

It imports nothing of the client side, or both would share a bug. What the vendor doesn't document
it chooses strictly: no more than the limit is accepted in any sliding second.
"""

from .faults import FAULTS, Fault
from .server import Sandbox
from .workspace import Workspace
from .world import World

__all__ = ["FAULTS", "Fault", "Sandbox", "Workspace", "World"]
