"""Filters that the service would ignore are refused before anything is sent."""

from __future__ import annotations

import pytest

from workflowkit import ConfigError
from workflowkit.jodoo.filters import METHODS, check_filter


def of(**condition):
    return {"rel": "and", "cond": [{"field": "flowState", "method": "eq", "value": [1], **condition}]}


def test_the_documented_methods_are_thirteen():
    assert len(set(METHODS)) == 13


@pytest.mark.parametrize(
    "filter",
    [
        of(),
        of(type="flowstate", method="in", value=[0, 1]),
        of(method="not_empty", value=[]),
        of(field="createTime", method="range", value=["2024-01-01", None]),
        of(field="_widget_1", method="like", value=["x"]),
        {"rel": "or", "cond": []},
    ],
)
def test_what_the_service_understands(filter):
    check_filter(filter)


@pytest.mark.parametrize(
    ("filter", "says"),
    [
        ([], "pass a mapping with rel and a list as cond"),
        ({"rel": "and"}, "a list as cond"),
        ({"rel": "and", "cond": [], "sort": 1}, "a list as cond"),
        ({**of(), "rel": "AND"}, "rel is 'AND'; pass 'and' or 'or'"),
        ({"cond": []}, "rel is None"),
        ({"rel": "and", "cond": ["x"]}, r"cond\[0\] names no field"),
        (of(field=None), "names no field"),
        (of(method="equals"), "has the method 'equals'; choose one of"),
        (of(method=None), "has the method None"),
        (of(value="1"), "pass a list that isn't empty"),
        (of(value=[]), "pass a list that isn't empty"),
        (of(value=["1"]), "states are numbers"),
        (of(value=[True]), "states are numbers"),
        (of(field="createTime", method="range", value=["a"]), "a list of two values"),
        (of(values=[1]), "'values', which is unknown"),
    ],
)
def test_what_it_would_ignore(filter, says):
    with pytest.raises(ConfigError, match=says):
        check_filter(filter)
