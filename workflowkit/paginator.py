"""A list call that can be awaited, iterated, or walked page by page from where one stopped.

A **cursor** says where to continue from. It is a plain JSON value (how many to skip, or the last id
seen), so it can be stored anywhere. Nothing is prefetched: between two steps no request is under
way, so breaking out of a loop, or cancelling it, leaves nothing behind.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Sequence
from typing import Any, Generic, NoReturn, TypeVar

import attrs

from ._decode.document import Document
from .client import Result
from .errors import DecodeError

T = TypeVar("T")

Cursor = int | str


@attrs.frozen(kw_only=True)
class Page(Generic[T]):
    """What one list request returned.

    Attributes:
        items: in the vendor's order. It is empty at the end of a listing.
        cursor: where the next page starts, None after the last one.
        attempts: how many requests it took.
        request_id: the vendor's id for the last of them, where it sends one.
    """

    items: tuple[T, ...]
    cursor: Cursor | None
    attempts: int = attrs.field(default=1, eq=False)
    request_id: str | None = attrs.field(default=None, eq=False)
    _document: Document | None = attrs.field(default=None, repr=False, eq=False)
    _name: str = attrs.field(default="", repr=False, eq=False)
    _kept: Sequence[int] | None = attrs.field(default=None, repr=False, eq=False)

    @property
    def raw(self) -> tuple[bytes, ...]:
        """The vendor's own bytes of each item, in the order of `items`. Empty for a page made by hand."""
        raws = self._document.raws(self._name) if self._document is not None else ()
        return raws if self._kept is None else tuple(raws[index] for index in self._kept)


def page_of(
    result: Result[Any], cursor: Cursor | None, *, keep: Sequence[int] | None = None, attempts: int | None = None
) -> Page[Any]:
    """Return the page of a result's rows, or of some of them. It may have taken requests for other results too."""
    items = result.items
    return Page(
        items=items if keep is None else tuple(items[index] for index in keep),
        cursor=cursor,
        attempts=result.attempts if attempts is None else attempts,
        request_id=result.document.request_id,
        document=result.document,
        name=result.items_at,
        kept=keep,
    )


Fetch = Callable[[Cursor | None], Awaitable[Page[T]]]
"""Gets the page at a cursor. None is the beginning. One is made for each walk through a listing."""


class Paginator(Generic[T]):
    """A listing that has not begun.

    ``await`` it for a list of all items, ``async for`` it item by item, or use `pages`. `all` is a coroutine, for
    ``asyncio.create_task``. Each use starts from the beginning and sends its own requests. A failed page is retried
    as the client's retry policy says, and then raises.

    Args:
        begin: returns the function that fetches the pages of one walk.
        name: the endpoint, and the id that was requested. It is part of the repr.
    """

    def __init__(self, begin: Callable[[], Fetch[T]], name: str = "") -> None:
        self._begin = begin
        self._name = name

    def __repr__(self) -> str:
        return f"<listing {self._name}: nothing is sent until you await it or use `async for`>"

    def pages(self, *, after: Cursor | None = None) -> AsyncIterator[Page[T]]:
        """Iterate over whole pages, starting at a cursor that an earlier page named."""
        return _Pages(self._begin(), after)

    def __aiter__(self) -> AsyncIterator[T]:
        return _Items(self.pages())

    def __iter__(self) -> NoReturn:
        raise TypeError("this listing is asynchronous: use `async for`, or `await` it for a list")

    def __await__(self) -> Generator[Any, None, list[T]]:
        return self.all().__await__()

    async def all(self) -> list[T]:
        """Return all items. It is what awaiting the listing does, as a coroutine."""
        return [item async for page in self.pages() for item in page.items]


class _Pages(AsyncIterator[Page[T]]):
    """A class, not a generator: an abandoned one has nothing to finalize."""

    def __init__(self, fetch: Fetch[T], cursor: Cursor | None) -> None:
        self._fetch = fetch
        self._cursor = cursor
        self._ended = False
        self._mark = cursor
        self._pages = 0

    async def __anext__(self) -> Page[T]:
        if self._ended:
            raise StopAsyncIteration
        page = await self._fetch(self._cursor)
        self._guard(page.cursor)
        self._cursor = page.cursor
        self._ended = page.cursor is None
        return page

    def _guard(self, cursor: Cursor | None) -> None:
        """Raise if the listing goes round in a circle of any length (Brent's way, in constant memory)."""
        if cursor is not None and cursor == self._mark:
            raise DecodeError((f"cursor {cursor!r} has come before: the listing makes no progress @ $",))
        self._pages += 1
        if self._pages & (self._pages - 1) == 0:  # each power of two
            self._mark = cursor


class _Items(AsyncIterator[T]):
    def __init__(self, pages: AsyncIterator[Page[T]]) -> None:
        self._pages = pages
        self._items: tuple[T, ...] = ()
        self._next = 0

    async def __anext__(self) -> T:
        while self._next == len(self._items):
            self._items, self._next = (await anext(self._pages)).items, 0
        self._next += 1
        return self._items[self._next - 1]
