"""Which version of the journeys' code a worker runs, told to Temporal (worker deployments).

A version is named by the content of the code that a journey runs on, so two workers of one release
are one version and a changed line is another. Journeys move on to the current version at their next
step (`AUTO_UPGRADE`): they live for years, longer than any release is kept running. That is safe
because the committed histories of every path are replayed in each test run, and changed code keeps
the old way behind `workflow.patched`. Why not pinning: `docs/decisions/0008-worker-deployments.md`.
"""

import asyncio
import hashlib
import importlib.metadata
from importlib import resources

import structlog
from temporalio.api.workflowservice.v1 import SetWorkerDeploymentCurrentVersionRequest
from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import WorkerDeploymentConfig

log = structlog.get_logger(__name__)

DEPLOYMENT = "journeyman"
_RUN_BY_A_JOURNEY = ("workflows", "domain", "activities")
_NOT_REGISTERED_YET = (RPCStatusCode.NOT_FOUND, RPCStatusCode.FAILED_PRECONDITION)
PROMOTED_WITHIN_S = 30.0
ASK_AGAIN_AFTER_S = 0.2


def version() -> WorkerDeploymentVersion:
    """This code's version: the release, and eight hex digits of its content."""
    content = hashlib.sha256()
    for package in _RUN_BY_A_JOURNEY:
        files = [file for file in resources.files(package).iterdir() if file.name.endswith(".py")]
        for file in sorted(files, key=lambda file: file.name):
            content.update(file.name.encode() + b"\0" + file.read_bytes())
    release = importlib.metadata.version("journeyman")
    return WorkerDeploymentVersion(DEPLOYMENT, f"{release}-{content.hexdigest()[:8]}")


def deployment() -> WorkerDeploymentConfig:
    """How the worker of the journeys registers itself."""
    return WorkerDeploymentConfig(
        version=version(),
        use_worker_versioning=True,
        default_versioning_behavior=VersioningBehavior.AUTO_UPGRADE,
    )


async def promote(client: Client, this: WorkerDeploymentVersion) -> None:
    """Make a version the current one, once its worker has registered.

    Raises:
        TimeoutError: where Temporal does not know the worker within 30 seconds.
    """
    async with asyncio.timeout(PROMOTED_WITHIN_S):
        while not await _promoted(client, this):  # noqa: ASYNC110 - Temporal tells no one
            await asyncio.sleep(ASK_AGAIN_AFTER_S)
    log.info("worker_version_current", version=this.build_id)


async def _promoted(client: Client, this: WorkerDeploymentVersion) -> bool:
    try:
        await client.workflow_service.set_worker_deployment_current_version(
            SetWorkerDeploymentCurrentVersionRequest(
                namespace=client.namespace,
                deployment_name=this.deployment_name,
                build_id=this.build_id,
                identity=client.identity,
                ignore_missing_task_queues=True,
            )
        )
    except RPCError as error:
        if error.status in _NOT_REGISTERED_YET:
            return False
        raise
    return True
