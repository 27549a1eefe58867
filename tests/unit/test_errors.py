from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from workflowkit import errors


def everything() -> list[errors.WorkflowKitError]:
    facts: dict[str, Any] = {"code": 50016, "status": 400, "request_id": "r-1", "endpoint": "jodoo.workflow_logs"}
    return [
        errors.WorkflowKitError("a"),
        errors.ConfigError("b"),
        errors.TransportError("c"),
        errors.HarvestError("d"),
        errors.DecodeError(("x @ $.a", "y @ $.b", "z @ $.c", "w @ $.d")),
        errors.ApiError("e", **facts),
        errors.AuthenticationError("f", **facts),
        errors.PermissionDenied("g", **facts),
        errors.NotFound("h", **facts),
        errors.InvalidRequest("i", **facts),
        errors.QuotaExceeded("j", **facts),
        errors.RateLimited("k", scope="endpoint", retry_after=2.5, **facts),
        errors.ServerError("l", retry_after=1.0, **facts),
    ]


@pytest.mark.parametrize("error", everything(), ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("clone", [lambda error: pickle.loads(pickle.dumps(error)), copy.copy], ids=["pickle", "copy"])
def test_every_error_survives_pickling(error, clone):
    error.attempts = 3
    error.add_note("seen at night")
    twin = clone(error)
    assert type(twin) is type(error)
    assert str(twin) == str(error)
    assert twin.__dict__ == error.__dict__


def test_every_public_error_is_covered_above():
    public = {
        cls
        for name, cls in vars(errors).items()
        if isinstance(cls, type) and issubclass(cls, errors.WorkflowKitError) and not name.startswith("_")
    }
    assert public == {type(error) for error in everything()}


def test_text_names_operation_and_facts():
    error = errors.NotFound(
        "Invalid instance_id", code=50016, status=400, request_id="r-1", endpoint="jodoo.workflow_logs"
    )
    assert str(error) == "jodoo.workflow_logs: Invalid instance_id (HTTP 400, code 50016, request id r-1)"
    assert str(errors.NotFound("gone")) == "gone"


def test_decode_error_shows_three_problems_and_keeps_all():
    error = errors.DecodeError(tuple(f"p{n} @ $.a" for n in range(5)))
    assert str(error) == "the response is not as documented: p0 @ $.a; p1 @ $.a; p2 @ $.a (and 2 more)"
    assert len(error.problems) == 5


def test_config_error_is_a_value_error():
    assert issubclass(errors.ConfigError, ValueError)
