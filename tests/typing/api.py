"""What users' type checkers see; checked by mypy, never run."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import assert_type

from workflowkit import (
    AccessKey,
    Archive,
    IamPassword,
    IamToken,
    JodooClient,
    Page,
    SecMasterClient,
    Summary,
    harvest,
)
from workflowkit.jodoo import (
    Action,
    App,
    Attachment,
    FormRecord,
    InstanceStatus,
    TaskStatus,
    WorkflowInstance,
    WorkflowLog,
)
from workflowkit.secmaster import Node, Status, Topology, TriggerType
from workflowkit.secmaster import WorkflowInstance as Instance


async def check(jodoo: JodooClient, archive: Archive) -> None:
    assert_type(await jodoo.workflow_logs("i"), list[WorkflowLog])
    async for log in jodoo.workflow_logs("i"):
        assert_type(log, WorkflowLog)
        assert_type(log.create_time, datetime)
        assert_type(log.finish_time, datetime | None)
        assert_type(log.finish_action, Action | None)
        assert_type(log.attachments, tuple[Attachment, ...])
    async for page in jodoo.workflow_logs("i").pages():
        assert_type(page, Page[WorkflowLog])
        assert_type(page.cursor, int | str | None)
        assert_type(page.raw, tuple[bytes, ...])
    found = await jodoo.workflow_instance("i", tasks=True)
    assert_type(found, WorkflowInstance)
    assert_type(found.status, InstanceStatus | None)
    assert_type([task.status for task in found.tasks or ()], list[TaskStatus | None])
    assert_type(await jodoo.form_records("a", "e"), list[FormRecord])
    assert_type(await jodoo.apps(), list[App])
    assert_type(await harvest(jodoo.log_source(["i"]), archive), Summary)
    async with JodooClient.from_env(tenant="acme", timeout=5) as client:
        assert_type(client, JodooClient)
    JodooClient.from_env(timeoutt=5)  # type: ignore[call-arg]
    JodooClient("key", rat=3.0)  # type: ignore[call-arg]
    SecMasterClient.from_env(transport=5)  # type: ignore[arg-type]


async def check_secmaster(secmaster: SecMasterClient, archive: Archive) -> None:
    instance = await secmaster.workflow_instance("i", show_topology=True)
    assert_type(instance, Instance)
    assert_type(instance.start_time, datetime | None)
    assert_type(instance.status, Status | None)
    assert_type(instance.trigger_type, TriggerType | None)
    assert_type(instance.request_id, str | None)
    assert_type(instance.topology, Topology | None)
    assert_type(Topology().audit_logs, tuple[Node, ...])
    assert_type(await secmaster.workflow_instances(), list[Instance])
    async for found in secmaster.workflow_instances(since=datetime.now(UTC), status=Status.FAILED):
        assert_type(found, Instance)
    source = secmaster.workspace_source(topology=True)
    assert_type(await harvest([source], archive, concurrency=5), Summary)
    AccessKey("ak", "sk")
    IamPassword("user", "password", "domain")
    IamToken("token")
