"""First responses that are decoded in several threads at once: msgspec crashes if its decoders are built so."""

from __future__ import annotations

import subprocess
import sys

import pytest

FIRST = """
import json, threading
from workflowkit._decode.converter import decode
from workflowkit._decode.document import Document
from workflowkit.jodoo.models import LogsPage, WorkflowInstance
from workflowkit.secmaster.models import InstancesPage
from workflowkit.secmaster.models import WorkflowInstance as Instance

time = "2024-01-09T03:16:35.447Z"
member = {"username": "u", "name": "n"}
log = {"flow_id": 1, "flow_name": "a", "create_time": time, "operator": member, "attachments": [{"url": "https://a/b"}]}
task = {"task_id": "t", "flow_id": 1, "flow_name": "a", "create_time": time, "assignee": member}
bodies = [
    (LogsPage, {"logs": [log] * 50}),
    (WorkflowInstance, {"instance_id": "i", "creator": member, "tasks": [task] * 50}),
    (InstancesPage, {"count": 1, "instances": [{"id": "i", "workflow": {"id": "w"}}]}),
    (Instance, {"id": "i", "topology": {"audit_logs": [{"action_name": "a"}] * 50}}),
]
barrier = threading.Barrier(8)

def first(number):
    kind, body = bodies[number % 4]
    document = Document(json.dumps(body).encode())
    barrier.wait()
    decode(document, kind).extra
    document.raws("logs")

threads = [threading.Thread(target=first, args=(number,)) for number in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print("decoded")
"""


@pytest.mark.long
@pytest.mark.timeout(300)
def test_no_process_dies_of_it():
    for _ in range(50):
        done = subprocess.run([sys.executable, "-c", FIRST], capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stdout) == (0, "decoded\n"), done.stderr
