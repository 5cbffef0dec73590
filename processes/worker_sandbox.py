"""The sandbox that journeys run in, and how their payloads pass its border."""

import temporalio.bridge.proto.workflow_activation as activation
import temporalio.bridge.proto.workflow_completion as completion
from temporalio.converter import SerializationContext, StorageDriverStoreContext
from temporalio.worker import WorkflowInstance, WorkflowInstanceDetails
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions
from temporalio.workflow import Info

PASSED_THROUGH = (
    "domain",
    "activities",
    "partners.ports",
    "partners.requests",
    "pydantic",
    "workflows",
)
"""Modules that the sandbox shares with its host: they hold no state and read no clock, which for
`workflows` the workflow rules of `make lint` hold. Imported anew for each journey, `workflows`
alone would cost its worker twice as much CPU as all the rest."""


def journey_runner() -> SandboxedWorkflowRunner:
    """The sandbox that journeys run in, with the domain passed through."""
    return _JourneyRunner(
        restrictions=SandboxRestrictions.default.with_passthrough_modules(*PASSED_THROUGH)
    )


class _JourneyRunner(SandboxedWorkflowRunner):
    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        return _JourneyInstance(super().create_instance(det))


class _JourneyInstance(WorkflowInstance):
    """A journey in its sandbox, which is not asked in which context a payload stands.

    Our data converter knows no contexts, encrypts nothing and stores nothing elsewhere. The SDK
    would enter the sandbox three times for each payload to ask, at a sixth of the worker's CPU.
    """

    def __init__(self, sandboxed: WorkflowInstance) -> None:
        self._sandboxed = sandboxed

    def activate(
        self, act: activation.WorkflowActivation
    ) -> completion.WorkflowActivationCompletion:
        return self._sandboxed.activate(act)

    def get_serialization_context(self, command_info: object) -> SerializationContext | None:  # noqa: ARG002
        return None

    def get_external_store_context(self, command_info: object) -> StorageDriverStoreContext:  # noqa: ARG002
        return StorageDriverStoreContext(target=None)

    def get_info(self) -> Info:
        return self._sandboxed.get_info()

    def get_thread_id(self) -> int | None:
        return self._sandboxed.get_thread_id()
