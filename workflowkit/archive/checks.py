"""What the counts and the keys of an archive show, without a look at its rows."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from .connection import Connection
from .tables import TABLE_OF

COUNTED = ("logs", "tasks", "nodes")
"""Tables whose positions have no gaps."""

_MISCOUNTED = """
    SELECT system, tenant, id, said, counted FROM (
        SELECT system, tenant, id, logs AS said, (
            SELECT count(*) FROM logs WHERE logs.system = instances.system AND logs.tenant = instances.tenant
                AND logs.instance_id = instances.id
        ) AS counted
        FROM instances WHERE stored_tables LIKE '%logs%'
    ) AS compared
    WHERE said <> counted
"""
_GAPS = {
    table: f"""
    SELECT system, tenant, instance_id, max(position) + 1, count(*) FROM {table}
    GROUP BY 1, 2, 3 HAVING max(position) + 1 <> count(*)
"""
    for table in COUNTED
}
_ORPHANS = {
    table: f"""
    SELECT system, tenant, instance_id, count(*) FROM {table} WHERE NOT EXISTS (
        SELECT 1 FROM instances WHERE instances.system = {table}.system
            AND instances.tenant = {table}.tenant AND instances.id = {table}.instance_id
    ) GROUP BY 1, 2, 3
"""
    for table in TABLE_OF.values()
}


@attrs.frozen
class Problem:
    """Something in an archive that isn't as it should be.

    Without an `id` it is about a table of the system, and without a `system` about the whole file.
    """

    system: str
    tenant: str
    id: str
    what: str


def problems(connection: Connection) -> list[Problem]:
    """Return what the counts and the keys show."""
    return [*_miscounted(connection), *_orphans(connection)]


def _miscounted(connection: Connection) -> Iterator[Problem]:
    for system, tenant, id_, said, counted in connection.execute(_MISCOUNTED):
        yield Problem(system, tenant, id_, f"{said} logs are said to be there, {counted} are")
    for table in COUNTED:
        for system, tenant, id_, end, counted in connection.execute(_GAPS[table]):
            yield Problem(system, tenant, id_, f"{table} go up to position {end - 1}, but there are {counted}")


def _orphans(connection: Connection) -> Iterator[Problem]:
    for table, query in _ORPHANS.items():
        for system, tenant, id_, counted in connection.execute(query):
            yield Problem(system, tenant, id_, f"{counted} rows of {table}, but there is no such instance")
