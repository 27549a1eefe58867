"""Runs of playbooks, and the nodes at which they fail."""

from __future__ import annotations

from collections import Counter
from heapq import heappush, heappushpop

import attrs

from ..archive.cases import Case, Step
from .clock import stored_time
from .figures import FailedRun, NodeFailure, Playbooks

_MOST_NODES = 15
_MOST_RUNS = 3
_MOST_ERRORS = 3
_KEPT_ERRORS = 200
"""Different messages of one node that are counted. Those that come later are one."""

FAILED = "FAILED"
OTHER = "other messages"


@attrs.define
class _Node:
    runs: int = 0
    failed: int = 0
    errors: Counter[str] = attrs.Factory(Counter)
    latest: list[tuple[str, str, str, str]] = attrs.Factory(list)
    """The latest runs, a heap. A time that isn't known is empty."""

    def fail(self, case: Case, at: str | None, error: str | None) -> None:
        """Count a run that failed here."""
        self.failed += 1
        if error:
            self.errors[error if error in self.errors or len(self.errors) < _KEPT_ERRORS else OTHER] += 1
        run = (at or "", case.tenant, case.id, error or "")
        if len(self.latest) < _MOST_RUNS:
            heappush(self.latest, run)
        else:
            heappushpop(self.latest, run)


class Nodes:
    """Counts runs of playbooks and the nodes that fail."""

    def __init__(self) -> None:
        self._nodes: dict[tuple[str, str, str], _Node] = {}
        self._statuses: Counter[str] = Counter()
        self._with_nodes = 0

    def add(self, case: Case) -> None:
        """Count one run."""
        self._statuses[case.status or "unknown"] += 1
        self._with_nodes += "nodes" in case.tables
        failed: dict[str, Step | None] = {}
        for step in case.steps:
            name = step.activity or "(unnamed)"
            failed[name] = failed.get(name) or (step if step.outcome == FAILED else None)
        for name, at in failed.items():
            key = (case.tenant, case.name or "(unnamed)", name)
            node = self._nodes.get(key)
            if node is None:
                node = self._nodes[key] = _Node()
            node.runs += 1
            if at is not None:
                node.fail(case, at.start_time, at.detail)

    @property
    def runs(self) -> int:
        """How many runs there are."""
        return self._statuses.total()

    def result(self, *, many_tenants: bool) -> Playbooks:
        """Return what was counted, the nodes that fail most first."""
        failing = [(key, node) for key, node in self._nodes.items() if node.failed]
        failing.sort(key=lambda item: (-item[1].failed, item[0]))
        return Playbooks(
            runs=self.runs,
            statuses=sorted(self._statuses.items(), key=lambda item: (-item[1], item[0])),
            with_nodes=self._with_nodes,
            failures=[
                _failure(f"{workflow} ({tenant})" if many_tenants else workflow, name, node)
                for (tenant, workflow, name), node in failing[:_MOST_NODES]
            ],
        )


def _failure(workflow: str, name: str, node: _Node) -> NodeFailure:
    latest = [
        FailedRun(instance_id=id_, tenant=tenant, at=stored_time(at), error=error or None)
        for at, tenant, id_, error in sorted(node.latest, reverse=True)
    ]
    errors = sorted(node.errors.items(), key=lambda item: (-item[1], item[0]))[:_MOST_ERRORS]
    return NodeFailure(workflow=workflow, node=name, runs=node.runs, failed=node.failed, errors=errors, latest=latest)
