"""The archive's tables: plain, made to be queried by hand, the same in SQLite and PostgreSQL.

`tasks` (an instance's tasks, commented or not) are laid down, and stay empty until a harvest can be
asked for them. A column is added, never renamed. `state` is ours (pending, partial, done, failed),
`status` the vendor's, null if not asked; `holds` names the tables whose rows were stored when it was
last done: other tables may have older ones. `harvests` tells when a tenant's was last alive. Times
are UTC text. `raw` is the vendor's own JSON of that row.
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from ..source import AttachmentRow, InstanceRef, LogRow, NodeRow, Row

VERSION = 3
"""Stored in the archive; an older one is upgraded when it is written to, a newer one refused."""

APPLICATION_ID = 0x776B6974  # "wkit"
"""Marks a SQLite file as one of ours."""

_EVENTS = """
CREATE VIEW events AS
    SELECT logs.system, logs.tenant, logs.instance_id AS case_id, logs.position,
        logs.flow_name AS activity, logs.create_time AS start_time, logs.finish_time AS end_time,
        logs.operator_name AS resource, logs.finish_action AS outcome
    FROM logs JOIN instances
        ON instances.system = logs.system AND instances.tenant = logs.tenant AND instances.id = logs.instance_id
    WHERE instances.state = 'done' AND instances.holds LIKE '%logs%'
    UNION ALL
    SELECT nodes.system, nodes.tenant, nodes.instance_id, nodes.position,
        nodes.action_name, nodes.start_time, nodes.end_time, NULL, nodes.status
    FROM nodes JOIN instances
        ON instances.system = nodes.system AND instances.tenant = nodes.tenant AND instances.id = nodes.instance_id
    WHERE instances.state = 'done' AND instances.holds LIKE '%nodes%';
"""

_HARVESTS = """
CREATE TABLE harvests (
    system TEXT NOT NULL, tenant TEXT NOT NULL, process TEXT NOT NULL, alive_at TEXT NOT NULL,
    PRIMARY KEY (system, tenant)
);
"""

CREATE = f"""
CREATE TABLE instances (
    system TEXT NOT NULL, tenant TEXT NOT NULL, id TEXT NOT NULL,
    app_id TEXT, form_id TEXT,
    state TEXT NOT NULL DEFAULT 'pending', status TEXT,
    logs BIGINT NOT NULL DEFAULT 0, attempts BIGINT NOT NULL DEFAULT 0,
    error TEXT, harvested_at TEXT,
    holds TEXT, name TEXT, workflow_name TEXT, trigger_type TEXT, start_time TEXT, end_time TEXT, raw TEXT,
    PRIMARY KEY (system, tenant, id)
);
CREATE INDEX instances_by_state ON instances (state);
CREATE TABLE logs (
    system TEXT NOT NULL, tenant TEXT NOT NULL, instance_id TEXT NOT NULL, position BIGINT NOT NULL,
    flow_id BIGINT, flow_name TEXT,
    create_action TEXT, create_time TEXT, finish_action TEXT, finish_time TEXT,
    operator_username TEXT, operator_name TEXT, comment TEXT, signature_url TEXT,
    raw TEXT NOT NULL,
    PRIMARY KEY (system, tenant, instance_id, position)
);
CREATE TABLE tasks (
    system TEXT NOT NULL, tenant TEXT NOT NULL, instance_id TEXT NOT NULL, position BIGINT NOT NULL,
    task_id TEXT, flow_id BIGINT, flow_name TEXT, title TEXT, status BIGINT,
    create_action TEXT, create_time TEXT, finish_action TEXT, finish_time TEXT,
    assignee_username TEXT, assignee_name TEXT,
    raw TEXT NOT NULL,
    PRIMARY KEY (system, tenant, instance_id, position)
);
CREATE TABLE nodes (
    system TEXT NOT NULL, tenant TEXT NOT NULL, instance_id TEXT NOT NULL, position BIGINT NOT NULL,
    instance_type TEXT, action_id TEXT, action_name TEXT, parent_instance_id TEXT,
    start_time TEXT, end_time TEXT, status TEXT, succeed BOOLEAN, error_msg TEXT, input TEXT, output TEXT,
    raw TEXT NOT NULL,
    PRIMARY KEY (system, tenant, instance_id, position)
);
CREATE TABLE attachments (
    system TEXT NOT NULL, tenant TEXT NOT NULL, instance_id TEXT NOT NULL, position BIGINT NOT NULL,
    ordinal BIGINT NOT NULL,
    name TEXT, size BIGINT, mime TEXT, url TEXT NOT NULL, expires_at TEXT,
    state TEXT NOT NULL DEFAULT 'pending', path TEXT, sha256 TEXT,
    PRIMARY KEY (system, tenant, instance_id, position, ordinal)
);
{_EVENTS.strip()}
{_HARVESTS.strip()}
"""

UPGRADES: Mapping[int, str] = {
    1: f"""
ALTER TABLE instances ADD COLUMN holds TEXT;
ALTER TABLE instances ADD COLUMN name TEXT;
ALTER TABLE instances ADD COLUMN workflow_name TEXT;
ALTER TABLE instances ADD COLUMN trigger_type TEXT;
ALTER TABLE instances ADD COLUMN start_time TEXT;
ALTER TABLE instances ADD COLUMN end_time TEXT;
ALTER TABLE instances ADD COLUMN raw TEXT;
UPDATE instances SET holds = 'logs,attachments' WHERE state = 'done';
DROP VIEW events;
{_EVENTS.strip()}
""",
    2: _HARVESTS,
}
"""What makes an archive of each version one of the next."""

TABLES: Mapping[type[Row], str] = {LogRow: "logs", AttachmentRow: "attachments", NodeRow: "nodes"}
"""Where each kind of row goes; its fields are columns of that table."""


def columns(row: type[Row | InstanceRef]) -> tuple[str, ...]:
    """Return the columns that a kind of row fills, in the order of its fields."""
    return tuple(field.name for field in attrs.fields(row))
