"""The only way from the door to a journey: give it a command, get its own answer."""

import asyncio
from datetime import timedelta
from typing import Protocol

from pydantic import ValidationError
from temporalio.client import (
    Client,
    RPCError,
    RPCStatusCode,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.exceptions import ApplicationError

from domain.addresses import COMMAND, workflow_id_of
from domain.commands import REFUSED, CommandAnswer, Order, Refusal

ANSWERED_WITHIN = timedelta(seconds=15)
"""How long a caseworker is kept waiting for a journey's answer."""


class CommandRefused(Exception):
    """The journey refused the command; `refusal` names the rule and where it is."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.rule)
        self.refusal = refusal


class NoRunningJourney(Exception):
    """No workflow runs under this id: not started yet, or closed."""


class JourneysUnavailable(Exception):
    """No answer from Temporal or the journey in time; asking again under the same id is safe."""


class JourneyClient(Protocol):
    async def command(self, journey_id: str, order: Order, update_id: str) -> CommandAnswer:
        """Give a command; the same `update_id` again gets the same answer and has no new effect.

        Raises:
            CommandRefused: by a rule; nothing changed.
            NoRunningJourney: there is nobody to ask.
            JourneysUnavailable: nobody answered.
        """
        ...

    async def answered(self, journey_id: str, update_id: str) -> CommandAnswer | None:
        """What was answered under this `update_id` before, by a journey that may have ended since.

        None where nothing was, or where it was refused, which changed nothing.

        Raises:
            JourneysUnavailable: nobody answered.
        """
        ...

    async def check(self) -> None:
        """Make sure that journeys can be reached.

        Raises:
            JourneysUnavailable: they can't.
        """
        ...


class TemporalJourneys:
    """The journeys as Temporal workflows; the client must carry the pydantic data converter."""

    def __init__(self, client: Client, *, answered_within: timedelta = ANSWERED_WITHIN) -> None:
        self._client = client
        self._answered_within = answered_within

    async def command(self, journey_id: str, order: Order, update_id: str) -> CommandAnswer:
        """See `JourneyClient.command`."""
        handle = self._client.get_workflow_handle(workflow_id_of(journey_id))
        try:
            async with asyncio.timeout(self._answered_within.total_seconds()):
                answer: CommandAnswer = await handle.execute_update(
                    COMMAND, order, id=update_id, result_type=CommandAnswer
                )
                return answer
        except WorkflowUpdateFailedError as failed:
            raise _refused(failed) from None
        except (TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError):
            raise JourneysUnavailable("the journey did not answer in time") from None
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                raise NoRunningJourney(journey_id) from None
            raise JourneysUnavailable(f"Temporal answered {error.status.name}") from None
        except RuntimeError:
            raise JourneysUnavailable("Temporal can't be reached") from None

    async def answered(self, journey_id: str, update_id: str) -> CommandAnswer | None:
        """See `JourneyClient.answered`."""
        update = self._client.get_workflow_handle(workflow_id_of(journey_id)).get_update_handle(
            update_id, result_type=CommandAnswer
        )
        try:
            async with asyncio.timeout(self._answered_within.total_seconds()):
                answer: CommandAnswer = await update.result()
                return answer
        except WorkflowUpdateFailedError:
            return None
        except (TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError):
            raise JourneysUnavailable("the journey did not answer in time") from None
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return None
            raise JourneysUnavailable(f"Temporal answered {error.status.name}") from None
        except RuntimeError:
            raise JourneysUnavailable("Temporal can't be reached") from None

    async def check(self) -> None:
        """See `JourneyClient.check`."""
        try:
            healthy = await self._client.service_client.check_health(timeout=timedelta(seconds=3))
        except (RPCError, RuntimeError):
            raise JourneysUnavailable("Temporal can't be reached") from None
        if not healthy:
            raise JourneysUnavailable("Temporal does not serve")


def _refused(failed: WorkflowUpdateFailedError) -> Exception:
    cause = failed.cause
    if not isinstance(cause, ApplicationError) or cause.type != REFUSED or not cause.details:
        return JourneysUnavailable("the journey could not carry the command out")
    try:
        return CommandRefused(Refusal.model_validate(cause.details[0]))
    except ValidationError:
        return JourneysUnavailable("the journey's refusal can't be read")
