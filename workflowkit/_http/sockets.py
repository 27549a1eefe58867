"""How many connections a process has: no more than its limit of open files leaves room for."""

from __future__ import annotations

import asyncio
from weakref import WeakKeyDictionary, WeakSet

_OTHERS = 24
"""Files that a process has open besides: its libraries', the archive's, those of name lookups."""

_MOST = 500
"""Requests in flight at once in one event loop, whoever's they are, however many files may be open."""

_FEW = 10
"""So many connections are never too many."""

_under_way: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()
_open: WeakSet[object] = WeakSet()


def most_under_way() -> int:
    """Return how many requests may be in flight at once. As many connections again may be idle."""
    try:
        import resource  # noqa: PLC0415  # not there on Windows

        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    except ImportError:
        return _MOST
    return _MOST if soft == resource.RLIM_INFINITY else max(1, min(_MOST, (soft - _OTHERS) // 2))


def room() -> asyncio.Semaphore:
    """Return what is held while a request is in flight, in this event loop."""
    loop = asyncio.get_running_loop()
    if loop not in _under_way:
        _under_way[loop] = asyncio.Semaphore(most_under_way())
    return _under_way[loop]


def opened(connection: object) -> None:
    """Count a connection, which is idle or in use."""
    _open.add(connection)


def closed(connection: object) -> None:
    """Count it no more. One that is garbage isn't counted either."""
    _open.discard(connection)


def is_crowded() -> bool:
    """Return whether a connection that isn't needed now should be closed instead of kept."""
    if len(_open) < _FEW:
        return False
    most = most_under_way()
    if len(_open) > most:  # some may have been closed by the other side
        for connection in list(_open):
            if not getattr(connection, "is_connected", _yes)():
                _open.discard(connection)
    return len(_open) > most


def _yes() -> bool:
    return True
