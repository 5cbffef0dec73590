"""What the journeys' sandbox relies on: payloads are written alike, whatever they are for."""

from datetime import UTC, datetime

from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import WorkflowSerializationContext

from domain.journal import Recorded
from processes.temporal_client import DATA_CONVERTER


def test_payloads_are_the_same_in_every_context() -> None:
    context = WorkflowSerializationContext(namespace="default", workflow_id="jn_1")
    assert DATA_CONVERTER.with_context(context) is DATA_CONVERTER
    assert DATA_CONVERTER.payload_codec is None
    assert DATA_CONVERTER.external_storage is None


async def test_payloads_are_those_of_pydantics_converter() -> None:
    said = Recorded(due_at=datetime(2026, 3, 2, tzinfo=UTC))
    ours = await DATA_CONVERTER.encode([said])
    assert ours == await pydantic_data_converter.encode([said])
    assert await DATA_CONVERTER.decode(ours, [Recorded]) == [said]
