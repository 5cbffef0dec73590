"""Workers are versions of a deployment, named by the content of the journeys' code."""

import uuid

from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import WorkerDeploymentConfig

from domain.stages import Outcome
from processes.deployment import DEPLOYMENT, deployment, promote, version
from processes.embedded.namespace import prepare_namespace
from tests.servers import Addresses
from tests.workflows.carrying import World


def test_a_version_is_named_by_the_code_that_journeys_run_on() -> None:
    release, _, digest = version().build_id.rpartition("-")
    assert release
    assert len(bytes.fromhex(digest)) == 4
    assert version() == version()
    assert deployment().default_versioning_behavior is VersioningBehavior.AUTO_UPGRADE


async def test_an_open_journey_goes_on_with_the_worker_of_the_next_version(
    servers: Addresses,
) -> None:
    client = await _own_namespace(servers)
    world = World(client)
    async with world.working(_as_version("one")):
        await promote(client, _as_version("one").version)
        trainee = await world.start()
        await trainee.decide_eligible()
        seat = await trainee.enroll()
        await trainee.until(awaiting="training.completed")
    async with world.working(_as_version("two")):
        await promote(client, _as_version("two").version)
        await trainee.complete(seat)
        await trainee.sit({"theory": 75, "practical": 80})
        await trainee.certify()
        await trainee.stay(await trainee.hire())
        assert (await trainee.result()).outcome is Outcome.RETAINED
        info = (await trainee.handle.describe()).raw_description.workflow_execution_info
        assert info.versioning_info.deployment_version.build_id == "two"


async def _own_namespace(servers: Addresses) -> Client:
    """A current version is a namespace's own affair: the other tests know of none."""
    client = await Client.connect(
        servers.temporal,
        namespace=f"deployed-{uuid.uuid4().hex[:8]}",
        data_converter=pydantic_data_converter,
    )
    await prepare_namespace(client)
    return client


def _as_version(build: str) -> WorkerDeploymentConfig:
    return WorkerDeploymentConfig(
        version=WorkerDeploymentVersion(DEPLOYMENT, build),
        use_worker_versioning=True,
        default_versioning_behavior=VersioningBehavior.AUTO_UPGRADE,
    )
