"""A plan: what is still to be learned, and whom to ask, nearest first."""

from datetime import date, timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from activities.planning import DrawPlan
from domain.levels import SkillLevel
from domain.plan import ModuleCredit, Plan
from domain.policy import Approval
from domain.senders import SenderKind
from domain.stages import Pathway
from store.caseload import Scope, find_case
from store.planning import PostgresPlanning
from store.records import PostgresJournal
from store.registry import Authorization, PartnerRow, save_partners
from tests.store.samples import (
    PROVIDER,
    a_batch,
    an_occupation,
    an_opening,
    catalog,
    now,
    opened,
)
from tests.vault import VAULT

OCCUPATION = an_occupation()
TODAY = now().date()


def leave(**changes: object) -> Authorization:
    fields = {"occupation": OCCUPATION.code, "levels": (SkillLevel.JUNIOR,)}
    return Authorization.model_validate(fields | changes)


def a_partner(name: str, kind: SenderKind, region: str, **changes: object) -> PartnerRow:
    fields: dict[str, object] = {
        "id": name,
        "organization": f"org-{name}",
        "kind": kind,
        "name": name,
        "region": region,
        "source": f"/partners/{name}",
    }
    return PartnerRow.model_validate(fields | changes)


async def add(engine: AsyncEngine, *partners: PartnerRow) -> None:
    async with engine.begin() as connection:
        await save_partners(connection, VAULT, partners, {})


async def draw(engine: AsyncEngine, journey_id: str, **changes: object) -> Plan:
    async with engine.connect() as connection:
        case = await find_case(connection, Scope(region=""), journey_id)
    assert case is not None
    fields: dict[str, object] = {
        "journey_id": journey_id,
        "person_ref": case.person_ref,
        "occupation": OCCUPATION,
        "level": SkillLevel.JUNIOR,
        "pathway": Pathway.JOB,
        "delivery_region": "440305",
        "job_region": "440305",
        "employer": None,
        "subsidized": True,
        "recognized": (),
        "policy": an_opening().policy,
        "today": now(),
    }
    request = DrawPlan.model_validate(fields | changes)
    return await PostgresPlanning(engine, catalog()).draw_plan(request)


def names(options: tuple[object, ...]) -> list[str]:
    return [getattr(option, "partner", "") for option in options]


async def test_a_plan_takes_what_is_required_less_what_is_proven(store: AsyncEngine) -> None:
    journey_id = await opened(store)
    required = [module.code for module in catalog().modules_for(OCCUPATION.code, SkillLevel.JUNIOR)]
    held = (
        ModuleCredit(module=required[0], expires=TODAY),
        ModuleCredit(module=required[1], expires=TODAY - timedelta(days=1)),
    )
    await PostgresJournal(store).record(a_batch(journey_id, 1, module_credits=held))
    heard = (
        ModuleCredit(module=required[2]),
        ModuleCredit(module=required[3], expires=TODAY - timedelta(days=1)),
    )
    plan = await draw(store, journey_id, recognized=heard)
    assert plan.recognized == (required[0], required[2])
    assert [module.code for module in plan.modules] == [required[1], *required[3:]]


async def test_earlier_learning_can_cover_everything(store: AsyncEngine) -> None:
    required = catalog().modules_for(OCCUPATION.code, SkillLevel.JUNIOR)
    recognized = tuple(ModuleCredit(module=module.code) for module in required)
    plan = await draw(store, await opened(store), recognized=recognized)
    assert plan.modules == ()
    assert plan.recognized == tuple(module.code for module in required)


async def test_providers_of_the_city_come_before_those_of_the_province(
    store: AsyncEngine,
) -> None:
    await add(
        store,
        a_partner("far", SenderKind.PROVIDER, "440106"),
        a_partner("province", SenderKind.PROVIDER, "44"),
        a_partner("district", SenderKind.PROVIDER, "440305"),
        a_partner("next-district", SenderKind.PROVIDER, "440304"),
        a_partner("nation", SenderKind.PROVIDER, ""),
        a_partner("elsewhere", SenderKind.PROVIDER, "510107"),
    )
    asked = names((await draw(store, await opened(store))).providers)
    assert set(asked[:3]) == {PROVIDER, "district", "next-district"}
    assert set(asked[3:5]) == {"province", "far"}
    assert asked[5:] == ["nation"]


async def test_each_journey_has_an_order_of_its_own_and_keeps_it(store: AsyncEngine) -> None:
    await add(store, *(a_partner(f"school-{n}", SenderKind.PROVIDER, "4403") for n in range(5)))
    journeys = [await opened(store) for _ in range(12)]
    orders = [names((await draw(store, journey)).providers) for journey in journeys]
    assert len({order[0] for order in orders}) > 1
    assert orders[0] == names((await draw(store, journeys[0])).providers)


@pytest.mark.parametrize(
    ("authorization", "listed"),
    [
        (leave(), True),
        (leave(valid_from=TODAY, valid_to=TODAY), True),
        (leave(valid_from=TODAY + timedelta(days=1)), False),
        (leave(valid_to=TODAY - timedelta(days=1)), False),
        (leave(levels=(SkillLevel.SENIOR,)), False),
        (leave(occupation="9-99-99-99"), False),
    ],
)
async def test_centers_are_authorized_for_occupation_and_level_on_the_day(
    store: AsyncEngine, authorization: Authorization, listed: bool
) -> None:
    center = a_partner("center", SenderKind.CENTER, "4403", authorizations=(authorization,))
    await add(store, center)
    plan = await draw(store, await opened(store))
    assert names(plan.centers) == (["center"] if listed else [])
    for option in plan.centers:
        assert option.authorized_from == authorization.valid_from
        assert option.authorized_to == authorization.valid_to


async def test_an_organization_that_trains_is_asked_last_to_assess(store: AsyncEngine) -> None:
    await add(
        store,
        a_partner(
            "school",
            SenderKind.CENTER,
            "440305",
            organization="school-1",
            authorizations=(leave(),),
        ),
        a_partner("far", SenderKind.CENTER, "44", authorizations=(leave(),)),
    )
    assert names((await draw(store, await opened(store))).centers) == ["far", "school"]


async def test_an_authorized_enterprise_assesses_its_own_staff_and_nobody_else(
    store: AsyncEngine,
) -> None:
    await add(
        store,
        a_partner(
            "factory", SenderKind.EMPLOYER, "4403", organization="byd", authorizations=(leave(),)
        ),
        a_partner("center", SenderKind.CENTER, "4403", authorizations=(leave(),)),
    )
    journey_id = await opened(store)
    own = await draw(store, journey_id, pathway=Pathway.IN_SERVICE, employer="byd")
    other = await draw(store, journey_id, pathway=Pathway.IN_SERVICE, employer="foxconn")
    seeker = await draw(store, journey_id, employer="byd")
    assert names(own.centers) == ["factory", "center"]
    assert names(other.centers) == ["center"]
    assert names(seeker.centers) == ["center"]


async def test_job_services_are_those_where_the_job_shall_be(store: AsyncEngine) -> None:
    await add(
        store,
        a_partner("jobs-sz", SenderKind.JOB_SERVICE, "4403"),
        a_partner("jobs-cd", SenderKind.JOB_SERVICE, "5101"),
    )
    plan = await draw(store, await opened(store), job_region="510107")
    assert names(plan.job_services) == ["jobs-cd"]
    assert names(plan.providers) == [PROVIDER]


@pytest.mark.parametrize(
    ("approval", "subsidized", "needed"),
    [
        (Approval.ALWAYS, False, True),
        (Approval.NEVER, True, False),
        (Approval.SUBSIDIZED, True, True),
        (Approval.SUBSIDIZED, False, False),
    ],
)
async def test_approval_is_needed_as_the_policy_says(
    store: AsyncEngine, approval: Approval, subsidized: bool, needed: bool
) -> None:
    policy = an_opening().policy
    rules = policy.plan.model_copy(update={"approval": approval})
    plan = await draw(
        store,
        await opened(store),
        policy=policy.model_copy(update={"plan": rules}),
        subsidized=subsidized,
    )
    assert plan.needs_approval is needed


@pytest.mark.parametrize(
    ("years", "warned"), [(None, True), (0.0, True), (1.9, True), (2.0, False), (9.0, False)]
)
async def test_missing_years_of_service_warn_and_never_block(
    store: AsyncEngine, years: float | None, warned: bool
) -> None:
    policy = an_opening().policy
    rules = policy.eligibility.model_copy(update={"years_of_service": {SkillLevel.JUNIOR: 2.0}})
    plan = await draw(
        store,
        await opened(store, years_of_service=years),
        policy=policy.model_copy(update={"eligibility": rules}),
    )
    assert bool(plan.warnings) is warned
    assert plan.modules != ()


async def test_a_plan_without_partners_is_still_a_plan(store: AsyncEngine) -> None:
    plan = await draw(store, await opened(store), delivery_region="31", job_region="31")
    assert (plan.providers, plan.centers, plan.job_services) == ((), (), ())


def test_an_authorization_covers_both_its_days() -> None:
    held = leave(valid_from=date(2026, 1, 1), valid_to=date(2026, 12, 31))
    days = [date(2025, 12, 31), date(2026, 1, 1), date(2026, 12, 31), date(2027, 1, 1)]
    covered = [held.covers(OCCUPATION.code, SkillLevel.JUNIOR, day) for day in days]
    assert covered == [False, True, True, False]
