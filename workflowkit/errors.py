"""Every error this library raises, split by what the caller can do next.

    WorkflowKitError
    ├── ConfigError             what you passed can't work: fix the call, nothing was sent
    ├── TransportError          nothing usable came back: try again later
    ├── ApiError                the service answered, and said no
    │   ├── AuthenticationError     the key is wrong: stop
    │   ├── PermissionDenied        the key is right, but not for this
    │   ├── NotFound                no such instance, form, app ...
    │   ├── InvalidRequest          the service can't do what was asked
    │   ├── RateLimited             too fast, or max_wait would have been exceeded
    │   ├── QuotaExceeded           the plan's allowance is used up
    │   └── ServerError             the service failed: try again later
    ├── DecodeError             the response isn't what the vendor documents
    └── HarvestError            an archive can't be read or written

All of them survive pickling, so they cross process boundaries intact. None of them carries a
credential, a request header or the query of a signed URL.
"""

from __future__ import annotations

from typing import Any, Literal


class WorkflowKitError(Exception):
    """Base of every error raised by workflowkit."""

    attempts: int = 0
    """How many requests had been sent for this call when it failed, or 0 if none was."""

    endpoint: str | None = None
    """The name of the operation, such as ``jodoo.workflow_logs``, or None outside a call."""

    item_id: str | None = None
    """The id that was requested, or None if it was a listing."""

    request_id: str | None = None
    """The vendor's id for the last request, to quote to its support, or None where there is none."""

    hint: str | None = None
    """What is behind it or helps, where we know more than the service says. It is part of `str`."""

    def __str__(self) -> str:
        where = f"{self.endpoint} of {self.item_id}" if self.item_id else self.endpoint
        text = f"{where}: {self._explain()}" if where else self._explain()
        return f"{text}; {self.hint}" if self.hint else text

    def _explain(self) -> str:
        return super().__str__()

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.args, self.__dict__.copy())


def _rebuild(cls: type[WorkflowKitError], args: tuple[Any, ...], state: dict[str, Any]) -> WorkflowKitError:
    """Rebuild without ``__init__``, which may want keywords that ``args`` doesn't hold."""
    error = cls.__new__(cls, *args)
    error.__dict__.update(state)
    return error


class ConfigError(WorkflowKitError, ValueError):
    """What was passed can't work. Raised before anything is sent. Also a `ValueError`."""


class TransportError(WorkflowKitError):
    """Nothing usable came back: no connection, a timeout, a cut-off or non-JSON response.

    Every call of this library is a read, so it was retried, and asking again later is safe.

    Attributes:
        permanent: whether something must be changed first: a certificate isn't trusted, or a proxy refuses its
            password. Then it was not retried, and a harvest ends at once.
    """

    permanent: bool = False


class ApiError(WorkflowKitError):
    """The service answered with an error that no subclass describes.

    Attributes:
        message: the service's own words, or ours where it sent none.
        code: the service's code, `None` where it sent none.
        status: the HTTP status, `None` if nothing was sent.
        request_id: the id to quote to the vendor's support, `None` where it sent none.
        foreign: whether nothing shows that the service itself answered: there is no code of the vendor's. A gateway,
            a proxy or a firewall may have. It says nothing about what was requested.
    """

    foreign: bool = False

    def __init__(
        self,
        message: str,
        *,
        code: int | str | None = None,
        status: int | None = None,
        request_id: str | None = None,
        endpoint: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.status = status
        self.request_id = request_id
        self.endpoint = endpoint

    def _explain(self) -> str:
        facts = {"HTTP": self.status, "code": self.code, "request id": self.request_id}
        shown = ", ".join(f"{name} {value}" for name, value in facts.items() if value is not None)
        return f"{self.message} ({shown})" if shown else self.message


class AuthenticationError(ApiError):
    """The credentials were refused. Not retried."""


class PermissionDenied(ApiError):
    """The credentials are valid, but not for this operation or object. Not retried."""


class NotFound(ApiError):
    """The instance, form, app, member ... doesn't exist. Not retried."""


class InvalidRequest(ApiError, ValueError):
    """The service can't do what was asked. Not retried. Also a `ValueError`.

    An id that can't be one raises it too, before anything is sent: `status` is None then.
    """


class QuotaExceeded(ApiError):
    """An allowance of the plan is used up. Waiting seconds doesn't help. Not retried."""


class _Passing(ApiError):
    """A response that can change by itself: it may say when."""

    def __init__(self, message: str, *, retry_after: float | None = None, **facts: Any) -> None:
        super().__init__(message, **facts)
        self.retry_after = retry_after


class RateLimited(_Passing):
    """Too many requests. Retried after a wait that everyone in its scope observes.

    Attributes:
        retry_after: seconds until a new try makes sense, `None` if nobody said.
        scope: whose limit it is: that of one ``endpoint``, or of the whole ``tenant``.
        limit: the limit as requests per second, where the refusal names it. From then on it is kept, unless
            the client's rate is None.
    """

    def __init__(
        self,
        message: str,
        *,
        scope: Literal["endpoint", "tenant"] = "tenant",
        retry_after: float | None = None,
        limit: float | None = None,
        **facts: Any,
    ) -> None:
        super().__init__(message, retry_after=retry_after, **facts)
        self.scope = scope
        self.limit = limit


class ServerError(_Passing):
    """The service failed, or says that it is busy. Retried with growing pauses.

    Attributes:
        retry_after: seconds, as the service's ``Retry-After`` said, usually `None`.
        item_only: whether the service says so of what was requested: other things may well succeed.
    """

    item_only: bool = False


class DecodeError(WorkflowKitError):
    """The response is JSON, but not what the vendor documents. Not retried.

    Attributes:
        problems: one sentence for each fault, ending with its JSON path, such as
            ``Expected `int`, got `str` @ $.logs[0].flow_id``. Of one array, it has those of 20 elements at most.
        body: the whole response as it came, so that it can be kept, or None where there is none.
    """

    body: bytes | None = None

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__(problems)
        self.problems = problems

    def _explain(self) -> str:
        more = f" (and {len(self.problems) - 3} more)" if len(self.problems) > 3 else ""
        return f"the response is not as documented: {'; '.join(self.problems[:3])}{more}"


class HarvestError(WorkflowKitError):
    """An archive can't be opened, read or written. What it already holds is safe."""
