"""The archive's tables, as data: plain, made to be queried by hand, the same in SQLite and PostgreSQL.

A column is added, never renamed. `state` is ours (pending, partial, done, failed), `status` the
vendor's, null if not asked. `stored_tables` names the tables whose rows were stored when it was last done:
other tables may have older ones. Of what is partial, `cursor` is the position to continue from. Times
are UTC text. `raw` is the vendor's own JSON of that row.

`records` has the business content of instances. `forms` has the names of forms. `fields` has the label that people see
of each field, and its place in the form as `position`. The `start_time` of an instance of Jodoo is when its record
was created.

`links` has the expiring links of an instance's logs, `files` what is behind them, once for each link
without its signature: `url` is the latest known, `instance_id` and `position` where it was read.
`state` is pending, deferred (it failed while others came: the next run tries again), saved or lost, and
`reason` says why it is lost, waits, or isn't as announced. `wrong` counts the runs in which the host sent something
else than was announced. The view `attachments` has both side by side.

`harvests` has the latest run of each source: how far its listing came, how many instances it has listed, and when
it was last alive. Runs are numbered. Of an instance, `run` is the one that is still to harvest it, `listed_by` the
last one that listed it, `harvested_by` the last one that harvested it. A run that continues others has the number
of the first of them as `since_run`. `harvest_lock` has the one process that may write.

`unread` has responses about an instance that this version couldn't decode, as they came: a later one may. They are
kept until a run ends in which the instance was read.

The view `events` is for process mining. It has a row for each step of the instances that are done, in the
order of system, tenant, case_id and position. `origin` is the table of the step. SecMaster's steps are
nodes. Jodoo's steps are tasks where those were harvested, and logs elsewhere: each log is also a task.
`lifecycle` is ``start`` for a step that is open, else ``complete``. `resource_id`, `flow_id` and `create_action` are
null for nodes. `workflow` is the name of the form or of the workflow.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from enum import Enum, auto
from types import NoneType
from typing import get_args, get_type_hints

import attrs

from ..source import AttachmentRow, FieldRow, FormRow, InstanceRef, LogRow, NodeRow, RecordRow, Row, TaskRow

Content = RecordRow | FormRow | FieldRow

VERSION = 1
"""Stored in the archive. One of another version is refused: none of an older version was ever released."""


class Type(Enum):
    """What a column holds. Each database has a name of its own for it."""

    TEXT = auto()
    INTEGER = auto()
    BOOLEAN = auto()
    TIME = auto()
    JSON = auto()


_TYPE_OF = {str: Type.TEXT, int: Type.INTEGER, bool: Type.BOOLEAN, datetime: Type.TIME, bytes: Type.JSON}


@attrs.frozen
class Column:
    """A column of a table. `default` is a literal of SQL; a column with one is never null."""

    name: str
    type: Type = Type.TEXT
    required: bool = attrs.field(default=False, kw_only=True)
    default: str | None = attrs.field(default=None, kw_only=True)


@attrs.frozen
class Table:
    """A table. Its first columns, `key` of them, tell its rows apart."""

    name: str
    key: int
    columns: tuple[Column, ...]

    def create(self, types: Mapping[Type, str]) -> str:
        """Return the statement that makes it, with a database's names of the types."""
        lines = [
            f"{column.name} {types[column.type]}"
            + (" NOT NULL" if column.required or column.default is not None else "")
            + ("" if column.default is None else f" DEFAULT {column.default}")
            for column in self.columns
        ]
        if self.key:
            lines.append(f"PRIMARY KEY ({', '.join(column.name for column in self.columns[: self.key])})")
        body = ",\n    ".join(lines)
        return f"CREATE TABLE {self.name} (\n    {body}\n)"


def columns(row: type[Row | InstanceRef | Content]) -> tuple[str, ...]:
    """Return the columns that a kind of row fills, in the order of its fields."""
    return tuple(field.name for field in attrs.fields(row))


def _required(*names: str) -> tuple[Column, ...]:
    return tuple(Column(name, required=True) for name in names)


def _optional(*names: str, of: Type = Type.TEXT) -> tuple[Column, ...]:
    return tuple(Column(name, of) for name in names)


def _counting(*names: str) -> tuple[Column, ...]:
    return tuple(Column(name, Type.INTEGER, default="0") for name in names)


def _fields(row: type[Row | Content]) -> Iterator[Column]:
    """Yield the columns of a kind of row: what must be there is its place, its JSON, and any text that always is."""
    for name, hint in get_type_hints(row).items():
        kinds = {*(get_args(hint) or (hint,))}
        (kind,) = kinds - {NoneType}
        required = name in ("position", "ordinal") or (kind in (str, bytes) and NoneType not in kinds)
        yield Column(name, _TYPE_OF[kind], required=required)


_TENANT = _required("system", "tenant")
_INSTANCE = (*_TENANT, *_required("instance_id"))

INSTANCES = Table(
    "instances",
    3,
    (
        *_TENANT,
        *_required("id"),
        *_optional("app_id", "form_id"),
        Column("state", default="'pending'"),
        *_optional("status"),
        *_counting("logs", "attempts"),
        *_optional("error"),
        *_optional("harvested_at", of=Type.TIME),
        *_optional("stored_tables", "name", "workflow_name", "form_name", "trigger_type", "creator"),
        *_optional("start_time", "end_time", of=Type.TIME),
        *_optional("raw", of=Type.JSON),
        *_optional("is_open", of=Type.BOOLEAN),
        *_optional("cursor", "run", of=Type.INTEGER),
        *_counting("requests"),
        *_optional("listed_by", "harvested_by", of=Type.INTEGER),
    ),
)
LOGS = Table("logs", 4, (*_INSTANCE, *_fields(LogRow)))
TASKS = Table("tasks", 4, (*_INSTANCE, *_fields(TaskRow)))
NODES = Table("nodes", 4, (*_INSTANCE, *_fields(NodeRow)))
RECORDS = Table("records", 3, (*_TENANT, *_fields(RecordRow)))
FORMS = Table("forms", 4, (*_TENANT, *_fields(FormRow)))
FIELDS = Table("fields", 4, (*_TENANT, *_fields(FieldRow)))
LINKS = Table("links", 5, (*_INSTANCE, *_fields(AttachmentRow)))
FILES = Table(
    "files",
    3,
    (
        *_TENANT,
        *_required("link", "url"),
        *_optional("expires_at", of=Type.TIME),
        *_optional("size", of=Type.INTEGER),
        *_optional("name", "mime"),
        *_required("instance_id"),
        Column("position", Type.INTEGER, required=True),
        Column("state", default="'pending'"),
        *_optional("reason", "etag"),
        *_counting("wrong"),
        *_optional("path", "sha256"),
        *_optional("bytes", of=Type.INTEGER),
        *_optional("saved_at", of=Type.TIME),
    ),
)
HARVESTS = Table(
    "harvests",
    3,
    (
        *_TENANT,
        *_required("source", "options"),
        Column("run", Type.INTEGER, required=True),
        Column("since_run", Type.INTEGER, required=True),
        Column("began_at", Type.TIME, required=True),
        *_optional("ended_at", of=Type.TIME),
        *_optional("cursor"),
        Column("listed", Type.BOOLEAN, required=True),
        *_counting("instances", "failed", "without_instance"),
        *_required("process"),
        Column("alive_at", Type.TIME, required=True),
    ),
)
HARVEST_LOCK = Table("harvest_lock", 0, _required("process"))
UNREAD = Table(
    "unread", 3, (*_INSTANCE, Column("read_at", Type.TIME, required=True), Column("raw", Type.JSON, required=True))
)

_READABLE = (INSTANCES, LOGS, TASKS, NODES, RECORDS, FORMS, FIELDS, LINKS, FILES)
TABLES = (*_READABLE, HARVESTS, HARVEST_LOCK, UNREAD)

TABLE_OF: Mapping[type[Row], str] = {LogRow: "logs", TaskRow: "tasks", AttachmentRow: "links", NodeRow: "nodes"}
"""Where each kind of row goes. Its fields are columns of that table."""


def tables_of(kinds: Sequence[type[Row]]) -> list[str]:
    """Return the names of the kinds' tables, always in the same order."""
    return [table for kind, table in TABLE_OF.items() if kind in kinds]


INDEXES = (
    "CREATE INDEX instances_by_state ON instances (state)",
    "CREATE INDEX instances_to_do ON instances (run) WHERE run IS NOT NULL",
    "CREATE INDEX links_by_link ON links (system, tenant, link)",
    "CREATE INDEX files_to_save ON files (system, tenant, (expires_at IS NULL), expires_at) WHERE state = 'pending'",
)

_ATTACHMENTS = """
CREATE VIEW attachments AS
    SELECT links.system, links.tenant, links.instance_id, links.position, links.ordinal, links.name, links.size,
        links.mime, links.url, links.expires_at, links.link, files.state, files.path, files.sha256, files.bytes,
        files.reason
    FROM links JOIN files ON files.system = links.system AND files.tenant = links.tenant
        AND files.link = links.link
"""

_EVENTS_OF = """
    SELECT {table}.system, {table}.tenant, {table}.instance_id AS case_id, {table}.position, {columns},
        CASE WHEN {table}.{end} IS NULL THEN 'start' ELSE 'complete' END AS lifecycle, '{table}' AS origin,
        {more}, coalesce(instances.form_name, instances.workflow_name) AS workflow
    FROM {table} CROSS JOIN instances
    WHERE instances.system = {table}.system AND instances.tenant = {table}.tenant
        AND instances.id = {table}.instance_id AND instances.state = 'done'
        AND instances.stored_tables LIKE '%{table}%'"""
"""CROSS JOIN: SQLite then walks the table along its key, and reading in order needs no sorting."""

_OF_LOGS = _EVENTS_OF.format(
    table="logs",
    end="finish_time",
    columns="flow_name AS activity, create_time AS start_time, finish_time AS end_time, "
    "operator_name AS resource, finish_action AS outcome",
    more="operator_username AS resource_id, flow_id, create_action",
)
_OF_TASKS = _EVENTS_OF.format(
    table="tasks",
    end="finish_time",
    columns="flow_name, create_time, finish_time, assignee_name, finish_action",
    more="assignee_username, flow_id, create_action",
)
_OF_NODES = _EVENTS_OF.format(
    table="nodes",
    end="end_time",
    columns="action_name, nodes.start_time, nodes.end_time, CAST(NULL AS TEXT), nodes.status",
    more="CAST(NULL AS TEXT), CAST(NULL AS BIGINT), CAST(NULL AS TEXT)",
)
_EVENTS = f"""
CREATE VIEW events AS{_OF_LOGS} AND instances.stored_tables NOT LIKE '%tasks%'
    UNION ALL{_OF_TASKS}
    UNION ALL{_OF_NODES}
"""

VIEWS = {"attachments": _ATTACHMENTS.strip(), "events": _EVENTS.strip()}

ORDER = {table.name: table.key for table in _READABLE} | {
    "attachments": 5,
    "events": 4,
}
"""What can be read, and by how many of its first columns it is ordered: equal archives read alike."""


def create(types: Mapping[Type, str]) -> list[str]:
    """Return the statements that make an empty archive, with a database's names of the types."""
    return [*(table.create(types) for table in TABLES), *INDEXES, *VIEWS.values()]
