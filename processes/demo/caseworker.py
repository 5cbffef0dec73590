"""The demo's caseworkers: they read their lists and act through the HTTP API, as people would."""

import asyncio
from collections.abc import Mapping, Sequence

import httpx
import structlog
from pydantic import BaseModel, JsonValue

from domain.stages import State, StuckCause
from processes.demo.loading import Cast, caseworker_token
from processes.demo.script import DemoScript
from processes.embedded_run import EmbeddedRun

log = structlog.get_logger(__name__)

LOOKS_EVERY = 1.0
"""Seconds between two looks at a list."""
ANSWER_WITHIN = 20.0
PAGE = 200

Body = dict[str, JsonValue]


class ListedCase(BaseModel):
    """What a caseworker looks at in her list."""

    journey_id: str
    sequence: int
    state: State
    awaited: tuple[str, ...]
    stuck_cause: StuckCause | None


DECISIONS: Mapping[str, tuple[str, Body]] = {
    "plan.approval": ("plan/approve", {}),
    "attendance.decision": (
        "decide",
        {"choice": "repeat_training", "reason": "the trainee was ill and wants to go on"},
    ),
    "placement.decision": (
        "decide",
        {"choice": "certified_no_job", "reason": "no vacancy in reach fits"},
    ),
    "provider": ("retry", {}),
    "center": ("retry", {}),
}
"""What is decided where a journey waits for a person, by what it waits for."""


def decision(case: ListedCase, withdraws_in: State | None) -> tuple[str, Body] | None:
    """The command that a caseworker gives now, and its body; None where she waits."""
    if withdraws_in is case.state:
        return "withdraw", {"reason": "the trainee moved away"}
    if case.state is State.WAITLISTED and case.stuck_cause is StuckCause.NO_CAPACITY:
        return "switch", {"kind": "provider", "reason": "the waitlist does not move"}
    return next((DECISIONS[what] for what in case.awaited if what in DECISIONS), None)


async def work_caseload(run: EmbeddedRun, script: DemoScript, cast: Sequence[Cast]) -> None:
    """Work every province's list until canceled."""
    leaving = {
        member.journey_id: script.parts[member.part].withdraws_in
        for member in cast
        if member.part in script.parts
    }
    async with asyncio.TaskGroup() as tasks:
        for province in sorted({member.province for member in cast}):
            tasks.create_task(_work_province(run, province, leaving))


async def _work_province(
    run: EmbeddedRun, province: str, leaving: Mapping[str, State | None]
) -> None:
    headers = {"Authorization": f"Bearer {caseworker_token(run, province)}"}
    async with httpx.AsyncClient(
        base_url=run.settings.api_url, headers=headers, timeout=ANSWER_WITHIN, trust_env=False
    ) as api:
        while True:
            try:
                for case in await _open_cases(api):
                    wanted = decision(case, leaving.get(case.journey_id))
                    if wanted is not None:
                        await _give(api, case, *wanted)
            except httpx.HTTPError as fault:
                log.warning("the list can't be worked", fault=type(fault).__name__)
            await asyncio.sleep(LOOKS_EVERY)


async def _open_cases(api: httpx.AsyncClient) -> list[ListedCase]:
    cases: list[ListedCase] = []
    query: dict[str, str | int] = {"open": "true", "limit": PAGE}
    while True:
        answer = (await api.get("/v1/journeys", params=query)).raise_for_status().json()
        cases.extend(ListedCase.model_validate(item) for item in answer["items"])
        if answer["next_cursor"] is None:
            return cases
        query["cursor"] = answer["next_cursor"]


async def _give(api: httpx.AsyncClient, case: ListedCase, command: str, body: Body) -> None:
    """A journey that moved on meanwhile refuses; the next look sees it anew."""
    key = f"{case.journey_id}:{command}:{case.sequence}"
    answer = await api.post(
        f"/v1/journeys/{case.journey_id}/{command}", json=body, headers={"Idempotency-Key": key}
    )
    if not answer.is_success:
        log.info("a command was refused", journey=case.journey_id, status=answer.status_code)
