"""What Jodoo's outcomes of a step mean to a report."""

from __future__ import annotations

BACK = frozenset({"back", "auto_back"})
HANDED_ON = frozenset({"transfer", "batch_transfer"})
APPROVED_BY_RULE = frozenset({"auto_approve", "auto_forward"})
BY_RULE = APPROVED_BY_RULE | {"auto_back", "invoke_plugin"}
"""What a rule decides, and no person."""
