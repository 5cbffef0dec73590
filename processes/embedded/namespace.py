"""A Temporal namespace as Journeyman needs it: retention and search attributes."""

import asyncio
from datetime import timedelta

from google.protobuf.duration_pb2 import Duration
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.namespace.v1 import NamespaceConfig
from temporalio.api.operatorservice.v1 import (
    AddSearchAttributesRequest,
    ListSearchAttributesRequest,
)
from temporalio.api.workflowservice.v1 import (
    DescribeNamespaceRequest,
    RegisterNamespaceRequest,
    UpdateNamespaceRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

SEARCH_ATTRIBUTES = ("JourneymanRegion", "JourneymanStage")
"""Keywords by which an operator looks journeys up in Temporal."""
RETENTION = timedelta(days=30)
"""How long a closed journey's history stays readable."""
VISIBLE_WITHIN = 30.0
"""Seconds until a change of the namespace is seen by the server."""


async def prepare_namespace(
    client: Client, retention: timedelta = RETENTION, within: float = VISIBLE_WITHIN
) -> None:
    """Make the client's namespace usable; what is there already stays as it is.

    Registers the namespace and adds missing search attributes, on a new database and on an
    existing one. Whoever runs Temporal elsewhere does the same with its own tools.

    Raises:
        TimeoutError: where the server does not show the change within so many seconds.
    """
    kept = Duration()
    kept.FromTimedelta(retention)
    async with asyncio.timeout(within):
        if await _exists(client):
            await client.workflow_service.update_namespace(
                UpdateNamespaceRequest(
                    namespace=client.namespace,
                    config=NamespaceConfig(workflow_execution_retention_ttl=kept),
                )
            )
        else:
            await client.workflow_service.register_namespace(
                RegisterNamespaceRequest(
                    namespace=client.namespace, workflow_execution_retention_period=kept
                )
            )
        await _until_known(client)


async def _until_known(client: Client) -> None:
    """Add what is missing until the server, which sees a new namespace after a while, shows it."""
    while True:
        try:
            missing = await missing_search_attributes(client)
            if not missing:
                return
            await client.operator_service.add_search_attributes(
                AddSearchAttributesRequest(
                    namespace=client.namespace,
                    search_attributes=dict.fromkeys(
                        missing, IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD
                    ),
                )
            )
        except RPCError as error:
            if error.status not in (RPCStatusCode.NOT_FOUND, RPCStatusCode.ALREADY_EXISTS):
                raise
        await asyncio.sleep(0.05)


async def missing_search_attributes(client: Client) -> tuple[str, ...]:
    """Which of our search attributes the client's namespace lacks."""
    known = await client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=client.namespace)
    )
    return tuple(name for name in SEARCH_ATTRIBUTES if name not in known.custom_attributes)


async def _exists(client: Client) -> bool:
    try:
        await client.workflow_service.describe_namespace(
            DescribeNamespaceRequest(namespace=client.namespace)
        )
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return False
        raise
    return True
