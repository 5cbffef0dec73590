"""The embedded Temporal server: no port assumed free, no orphan, journeys outlive it."""

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client

from processes.embedded.failures import FolderOwned, PortTaken
from processes.embedded.namespace import (
    RETENTION,
    SEARCH_ATTRIBUTES,
    missing_search_attributes,
    prepare_namespace,
)
from processes.embedded.ports import free_port
from processes.embedded.temporal import EmbeddedTemporal

OWNER = """
import sys
from pathlib import Path
from processes.embedded.temporal import EmbeddedTemporal
with EmbeddedTemporal(Path(sys.argv[1]), port=int(sys.argv[2]), ui_port=None) as server:
    print(server.pid, flush=True)
    sys.stdin.readline()
"""


async def retention_of(client: Client) -> timedelta:
    described = await client.workflow_service.describe_namespace(
        DescribeNamespaceRequest(namespace=client.namespace)
    )
    return described.config.workflow_execution_retention_ttl.ToTimedelta()


async def test_workflows_outlive_a_kill_of_the_server(tmp_path: Path) -> None:
    with EmbeddedTemporal(tmp_path, port=free_port(), ui_port=None) as server:
        client = await server.connect()
        await client.start_workflow("Journey", id="jn_1", task_queue="nobody")
        killed = psutil.Process(server.pid)
        killed.kill()
        killed.wait()
        server.stop()
        server.start()
        client = await server.connect()
        described = await client.get_workflow_handle("jn_1").describe()
        assert described.workflow_type == "Journey"
        assert await missing_search_attributes(client) == ()
        assert await retention_of(client) == RETENTION


async def test_the_web_interface_answers_where_it_was_asked_to(tmp_path: Path) -> None:
    ui_port = free_port()
    with EmbeddedTemporal(tmp_path, port=free_port(), ui_port=ui_port) as server:
        await server.connect()
        listening = psutil.Process(server.pid).net_connections()
        addresses = {entry.laddr for entry in listening if entry.status == psutil.CONN_LISTEN}
    assert ui_port in {address.port for address in addresses}
    assert {address.ip for address in addresses} == {"127.0.0.1"}


async def test_a_namespace_of_before_gets_what_it_lacks(temporal_client: Client) -> None:
    config = temporal_client.config()
    config["namespace"] = f"{temporal_client.namespace}-older"
    client = Client(**config)
    await prepare_namespace(client, retention=timedelta(days=3))
    await prepare_namespace(client, retention=timedelta(days=5))
    assert await retention_of(client) == timedelta(days=5)
    assert await missing_search_attributes(client) == ()
    assert len(SEARCH_ATTRIBUTES) == 2


@pytest.mark.parametrize(
    ("taken", "setting"),
    [("port", "JOURNEYMAN_TEMPORAL_PORT"), ("ui_port", "JOURNEYMAN_TEMPORAL_UI_PORT")],
)
def test_a_taken_port_is_named_before_anything_starts(
    tmp_path: Path, listener: int, taken: str, setting: str
) -> None:
    ports = {"port": free_port(), "ui_port": free_port(), taken: listener}
    with pytest.raises(PortTaken, match=f"port {listener} .*{setting}"):
        EmbeddedTemporal(tmp_path / "data", **ports).start()
    assert not (tmp_path / "data").exists()


def test_a_second_owner_is_refused_by_name(tmp_path: Path, owner: Callable[..., Any]) -> None:
    first = owner(OWNER, tmp_path, free_port())
    with pytest.raises(FolderOwned, match=f"{tmp_path} is owned by process {first.process.pid}"):
        EmbeddedTemporal(tmp_path, port=free_port(), ui_port=None).start()


def test_a_killed_owner_leaves_nothing_running(
    tmp_path: Path, owner: Callable[..., Any], eventually: Callable[..., None]
) -> None:
    first = owner(OWNER, tmp_path, free_port())
    assert first.server.is_running()
    first.kill()
    eventually(lambda: not first.server.is_running())


def test_a_key_press_in_the_terminal_does_not_reach_it(
    tmp_path: Path, owner: Callable[..., Any]
) -> None:
    first = owner(OWNER, tmp_path, free_port())
    assert os.getpgid(first.server.pid) == first.server.pid
    assert os.getpgid(first.server.pid) != os.getpgid(first.process.pid)
