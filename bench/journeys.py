"""Carries journeys through the house as caseworkers would: through its HTTP interface."""

import uuid
from itertools import cycle

import httpx
from pydantic import JsonValue

from bench.caseload import Case, Caseload
from bench.house import House
from bench.trainees import next_opening
from domain.stages import Outcome, State

MOVES_WITHIN = 90.0
"""Seconds until a journey must have come to its next wait for a person, or to its end."""
APPROVAL = "plan.approval"


class Caseworkers:
    """Opens journeys, approves their plans, and sees them to their end.

    Args:
        house: what is measured.
        caseload: where the caseworkers look.
    """

    def __init__(self, house: House, caseload: Caseload) -> None:
        self._caseload = caseload
        self._tokens = cycle(house.tokens)
        self._api = httpx.AsyncClient(
            base_url=house.run.settings.api_url,
            timeout=30,
            trust_env=False,
            limits=httpx.Limits(max_connections=None),
        )

    async def carry(self) -> str:
        """One standard journey from its opening to its end; returns its id.

        Raises:
            httpx.HTTPStatusError: the API refused.
            TimeoutError: the journey does not move.
            RuntimeError: it ended in another way than it should.
        """
        token = next(self._tokens)
        journey_id = await self.open()
        await self._caseload.until(journey_id, _waits_for_approval, MOVES_WITHIN)
        await self._post(f"/v1/journeys/{journey_id}/plan/approve", token, {})
        ended = await self._caseload.until(journey_id, _has_ended, MOVES_WITHIN)
        if ended.outcome != Outcome.RETAINED:
            raise RuntimeError(f"{journey_id} ended {ended.outcome}, not {Outcome.RETAINED}")
        return journey_id

    async def open(self) -> str:
        """A journey that was just opened; returns its id."""
        opened = await self._post("/v1/journeys", next(self._tokens), next_opening())
        return str(opened["id"])

    async def close(self) -> None:
        """Close the connections."""
        await self._api.aclose()

    async def _post(
        self, path: str, token: str, body: dict[str, JsonValue]
    ) -> dict[str, JsonValue]:
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": uuid.uuid4().hex}
        answer = await self._api.post(path, json=body, headers=headers)
        if not answer.is_success:
            raise RuntimeError(f"POST {path}: {answer.status_code} {answer.text}")
        answered: dict[str, JsonValue] = answer.json()
        return answered


def _waits_for_approval(case: Case) -> bool:
    return case.state == State.PLANNING and APPROVAL in case.awaited


def _has_ended(case: Case) -> bool:
    return case.outcome is not None
