"""What a standard journey costs its engine, counted in a real history whose events come singly."""

from datetime import UTC, datetime

import pytest

from bench.history import Counts, count
from bench.results import MOST_EVENTS, MOST_KB
from domain.commands import Approve
from domain.journal import ReceiptStatus
from domain.policy import Policy
from domain.stages import Outcome, State
from policies.loader import load_catalog, load_policies
from tests.workflows.carrying import CENTERS, ISSUER, JOB_SERVICE, PROVIDERS, Trainee, World

EMPLOYER = "employer-1"
ATTENDANCE = 2
"""Summaries that a provider sends beside the others; the relay folds them, no journey is woken."""


@pytest.mark.parametrize(
    "program", ["demo-subsidized", "subsidized-training-2025"], ids=["demo", "default rules"]
)
async def test_a_standard_journey_stays_within_its_limits(world: World, program: str) -> None:
    told, history = await _standard_journey(world, _policy_of(program))
    assert told == history.signals == 14
    assert history.by_action["activity started or retried"] == 5
    assert history.events / (told + ATTENDANCE) <= MOST_EVENTS, history.by_type
    assert history.bytes / 1000 <= MOST_KB


def _policy_of(code: str) -> Policy:
    program = load_catalog().program(code)
    assert program is not None
    return load_policies().for_region("440305", program)


async def _standard_journey(world: World, policy: Policy) -> tuple[int, Counts]:
    """A subsidized `job` journey, each event told once the one before is applied."""
    world.planning.needs_approval = True
    trainee = await world.start(subsidized=True, policy=policy)
    await trainee.until(State.ELIGIBILITY, awaiting="eligibility.decided")
    await _tell(
        trainee,
        "eligibility.decided",
        trainee.brief.registry,
        outcome="eligible",
        rule_ids=["elig-identity", "elig-age"],
        valid_to="2030-01-01",
    )
    await trainee.until(State.PLANNING)
    await trainee.command(Approve())
    await _train(trainee)
    await _assess(trainee)
    await _place(trainee)
    assert (await trainee.result()).outcome is Outcome.RETAINED
    return trainee.told, count([await trainee.handle.fetch_history()])


async def _train(trainee: Trainee) -> None:
    await trainee.until(State.ENROLLING, awaiting="enrollment.confirmed")
    ref, provider = trainee.last_ref(), PROVIDERS[0]
    await _tell(
        trainee,
        "enrollment.confirmed",
        provider,
        ref,
        cohort=f"2026-01-{provider}",
        site="440305 实训基地",
        region="440305",
        mode="hybrid",
    )
    await _tell(
        trainee,
        "training.completed",
        provider,
        ref,
        hours=120,
        attendance_pct=92,
        module_results={"m1": "completed", "m2": "completed", "m3": "completed"},
    )


async def _assess(trainee: Trainee) -> None:
    await trainee.until(State.REGISTERING, awaiting="assessment.scheduled")
    ref, center = trainee.last_ref(), CENTERS[0]
    now = (await trainee.world.now()).isoformat()
    for component in ("theory", "practical"):
        data = {"component": component, "attempt": 1, "at": now}
        await _tell(trainee, "assessment.scheduled", center, ref, **data)
    for component in ("theory", "practical"):
        data = {"component": component, "attempt": 1, "raw": 78, "max": 100, "pass_mark": 60}
        said = {"outcome": "pass", "assessor": "EC-0001", "sat_at": now}
        await _tell(trainee, "assessment.result", center, ref, **data, **said)
    await _tell(
        trainee,
        "certificate.issued",
        ISSUER,
        number="Y0044030500001",
        level="intermediate",
        scope="6-18-01-01",
        issued_on=str(datetime.now(UTC).date()),
    )


async def _place(trainee: Trainee) -> None:
    await trainee.until(State.REFERRED, awaiting="referral.accepted")
    ref, today = trainee.last_ref(), str((await trainee.world.now()).date())
    await _tell(trainee, "referral.accepted", JOB_SERVICE, ref, vacancy_ref="v1")
    terms = {"wage": 6800, "contract_months": 36}
    await _tell(trainee, "offer.made", EMPLOYER, ref, vacancy_ref="v1", terms=terms)
    work = {"employer": EMPLOYER, "type": "full_time", "contract_months": 36, "wage": 6800}
    await _tell(trainee, "employment.started", EMPLOYER, ref, date=today, **work)
    for month in (1, 3, 6):
        await _tell(trainee, "employment.retained", EMPLOYER, ref, employer=EMPLOYER, month=month)


async def _tell(
    trainee: Trainee, event: str, partner: str, ref: str | None = None, **data: object
) -> None:
    told = await trainee.tell(event, data, partner=partner, about=ref)
    await trainee.until_receipt(told, ReceiptStatus.APPLIED)
