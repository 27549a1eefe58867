"""The archive's tables: plain, made to be queried by hand, the same in SQLite and PostgreSQL.

A column is added, never renamed. `state` is ours (pending, partial, done, failed), `status` the
vendor's, null if not asked. `holds` names the tables whose rows were stored when it was last done:
other tables may have older ones. Of what is partial, `cursor` is the position to continue from. Times
are UTC text. `raw` is the vendor's own JSON of that row.

`links` has the expiring links of an instance's logs, `files` what is behind them, once for each link
without its signature: `url` is the latest known, `instance_id` and `position` where it was read.
`state` is pending, deferred (it failed while others came: the next run tries again), saved or lost, and
`reason` says why it is lost, waits, or isn't as announced. `wrong` counts the runs in which the host sent something
else than was announced. The view `attachments` has both side by side.

`harvests` has the latest run of each source: how far its listing came, what it has named, and when
it was last alive. Runs are numbered. Of an instance, `run` is the one that is still to harvest it, `named_by` the
last one that listed it, `harvested_by` the last one that harvested it. A run that continues others has the number
of the first of them as `since_run`. `harvest_lock` has the one process that may write.

`unread` has responses about an instance that this version couldn't decode, as they came: a later one may.

The view `events` is for process mining. It has a row for each step of the instances that are done, in the
order of system, tenant, case_id and position. `origin` is the table of the step. SecMaster's steps are
nodes. Jodoo's steps are tasks where those were harvested, and logs elsewhere: each log is also a task.
`lifecycle` is ``start`` for a step that is open, else ``complete``.
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from ..source import AttachmentRow, InstanceRef, LogRow, NodeRow, Row, TaskRow

VERSION = 1
"""Stored in the archive. One of another version is refused: none of an older version was ever released."""

APPLICATION_ID = 0x776B6974  # "wkit"
"""Marks a SQLite file as one of ours."""

_EVENTS_OF = """
    SELECT {table}.system, {table}.tenant, {table}.instance_id AS case_id, {table}.position, {columns},
        CASE WHEN {table}.{end} IS NULL THEN 'start' ELSE 'complete' END AS lifecycle, '{table}' AS origin
    FROM {table} JOIN instances ON instances.system = {table}.system
        AND instances.tenant = {table}.tenant AND instances.id = {table}.instance_id
    WHERE instances.state = 'done' AND instances.holds LIKE '%{table}%'"""

_OF_LOGS = _EVENTS_OF.format(
    table="logs",
    end="finish_time",
    columns="flow_name AS activity, create_time AS start_time, finish_time AS end_time, "
    "operator_name AS resource, finish_action AS outcome",
)
_OF_TASKS = _EVENTS_OF.format(
    table="tasks", end="finish_time", columns="flow_name, create_time, finish_time, assignee_name, finish_action"
)
_OF_NODES = _EVENTS_OF.format(
    table="nodes",
    end="end_time",
    columns="action_name, nodes.start_time, nodes.end_time, NULL, nodes.status",
)
_EVENTS = f"""
CREATE VIEW events AS{_OF_LOGS} AND instances.holds NOT LIKE '%tasks%'
    UNION ALL{_OF_TASKS}
    UNION ALL{_OF_NODES};
"""

_FILES = """
CREATE TABLE links (
    system TEXT NOT NULL, tenant TEXT NOT NULL, instance_id TEXT NOT NULL, position BIGINT NOT NULL,
    ordinal BIGINT NOT NULL,
    name TEXT, size BIGINT, mime TEXT, url TEXT NOT NULL, expires_at TEXT, link TEXT NOT NULL,
    PRIMARY KEY (system, tenant, instance_id, position, ordinal)
);
CREATE INDEX links_by_link ON links (system, tenant, link);
CREATE TABLE files (
    system TEXT NOT NULL, tenant TEXT NOT NULL, link TEXT NOT NULL,
    url TEXT NOT NULL, expires_at TEXT, size BIGINT, name TEXT, mime TEXT,
    instance_id TEXT NOT NULL, position BIGINT NOT NULL,
    state TEXT NOT NULL DEFAULT 'pending', reason TEXT, etag TEXT, wrong BIGINT NOT NULL DEFAULT 0,
    path TEXT, sha256 TEXT, bytes BIGINT, saved_at TEXT,
    PRIMARY KEY (system, tenant, link)
);
CREATE INDEX files_to_save ON files (system, tenant, (expires_at IS NULL), expires_at) WHERE state = 'pending';
CREATE VIEW attachments AS
    SELECT links.system, links.tenant, links.instance_id, links.position, links.ordinal, links.name, links.size,
        links.mime, links.url, links.expires_at, links.link, files.state, files.path, files.sha256, files.bytes,
        files.reason
    FROM links JOIN files ON files.system = links.system AND files.tenant = links.tenant
        AND files.link = links.link;
"""

_HARVESTS = """
CREATE TABLE harvests (
    system TEXT NOT NULL, tenant TEXT NOT NULL, source TEXT NOT NULL, options TEXT NOT NULL, run BIGINT NOT NULL,
    since_run BIGINT NOT NULL, began_at TEXT NOT NULL, ended_at TEXT, cursor TEXT, listed BOOLEAN NOT NULL,
    named BIGINT NOT NULL, failed BIGINT NOT NULL, process TEXT NOT NULL, alive_at TEXT NOT NULL,
    PRIMARY KEY (system, tenant, source)
);
CREATE TABLE harvest_lock (process TEXT NOT NULL);
CREATE INDEX instances_to_do ON instances (run) WHERE run IS NOT NULL;
"""

CREATE = f"""
CREATE TABLE instances (
    system TEXT NOT NULL, tenant TEXT NOT NULL, id TEXT NOT NULL,
    app_id TEXT, form_id TEXT,
    state TEXT NOT NULL DEFAULT 'pending', status TEXT,
    logs BIGINT NOT NULL DEFAULT 0, attempts BIGINT NOT NULL DEFAULT 0,
    error TEXT, harvested_at TEXT,
    holds TEXT, name TEXT, workflow_name TEXT, trigger_type TEXT, start_time TEXT, end_time TEXT, raw TEXT,
    is_open BOOLEAN, cursor BIGINT, run BIGINT, requests BIGINT NOT NULL DEFAULT 0,
    named_by BIGINT, harvested_by BIGINT,
    PRIMARY KEY (system, tenant, id)
);
CREATE TABLE unread (
    system TEXT NOT NULL, tenant TEXT NOT NULL, instance_id TEXT NOT NULL, read_at TEXT NOT NULL, raw TEXT NOT NULL,
    PRIMARY KEY (system, tenant, instance_id)
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
{_FILES.strip()}
{_EVENTS.strip()}
{_HARVESTS.strip()}
"""

TABLES: Mapping[type[Row], str] = {LogRow: "logs", TaskRow: "tasks", AttachmentRow: "links", NodeRow: "nodes"}
"""Where each kind of row goes. Its fields are columns of that table."""


def columns(row: type[Row | InstanceRef]) -> tuple[str, ...]:
    """Return the columns that a kind of row fills, in the order of its fields."""
    return tuple(field.name for field in attrs.fields(row))
