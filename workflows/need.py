"""The stage `need`: eligibility, then a plan that is agreed."""

from temporalio import workflow

from activities.planning import PlanningActivities
from activities.services import RegistryActivities
from domain.commands import Actor, Approve, ChangePlan, Order
from domain.events import CreditRecognized, EligibilityDecided, EventType
from domain.lifecycle import EntryKind
from domain.plan import ModuleCredit, PartnerOption
from domain.planning import DrawPlan
from domain.stages import Outcome, Pathway, State, StuckCause, Turn
from partners.requests import Accepted, CheckEligibility
from workflows.desk import Desk
from workflows.memory import Ending, Passed
from workflows.our_own import run_our_own
from workflows.refusals import until_accepted
from workflows.waits import Fact, Instruction, JourneyEnded, Wait


async def agree_need(desk: Desk) -> None:
    """One step of the stage, from the state in which the journey is."""
    match desk.memory.state:
        case State.INTAKE:
            register(desk)
        case State.ELIGIBILITY:
            await check_eligibility(desk)
        case State.PLANNING:
            await agree_plan(desk)
        case State.AGREED:
            open_training(desk)


def register(desk: Desk) -> None:
    """The need is known: a real vacancy or an occupation in demand."""
    brief = desk.brief
    earlier = brief.earlier
    desk.note(
        EntryKind.OPENED,
        detail=f"{brief.pathway}: {brief.occupation.code} at {brief.level}"
        + (f", continues {earlier.previous_journey}" if earlier.previous_journey else ""),
    )
    desk.memory.assessment.passed = [
        Passed(component=credit.component, at=credit.passed_at) for credit in earlier.components
    ]
    desk.memory.need.credits = list(earlier.modules)
    desk.move(EntryKind.NEED_REGISTERED)


async def check_eligibility(desk: Desk) -> None:
    """The registry decides within the policy's limit; a refusal ends the journey."""
    brief = desk.brief
    if not desk.memory.need.checked:
        accepted = await until_accepted(
            desk,
            "registry",
            RegistryActivities.check_eligibility,
            lambda: CheckEligibility(
                idempotency_key=desk.next_key("eligibility"),
                partner=brief.registry,
                journey_id=brief.journey_id,
                person_ref=brief.person_ref,
                program=brief.program,
                occupation=brief.occupation,
                level=brief.level,
                region=brief.home_region,
            ),
        )
        desk.memory.need.checked = isinstance(accepted, Accepted)
        desk.note(EntryKind.REQUESTED, detail="eligibility", partner=brief.registry)
    heard = await desk.hear(
        Wait(
            key="eligibility",
            events=(EventType.ELIGIBILITY_DECIDED,),
            partner=brief.registry,
            within=desk.policy.eligibility.decided_within,
            cause=StuckCause.PARTNER_SILENT,
            turn=Turn.PARTNER,
        )
    )
    assert isinstance(heard, Fact)
    decided = heard.data
    assert isinstance(decided, EligibilityDecided)
    if decided.outcome == "ineligible":
        raise JourneyEnded(
            Ending(
                outcome=Outcome.INELIGIBLE,
                entry=EntryKind.ELIGIBILITY_REFUSED,
                by=heard.by,
                reason=", ".join(decided.rule_ids),
                receipt=heard.receipt,
                partner=heard.partner,
            )
        )
    desk.move(EntryKind.ELIGIBILITY_CONFIRMED, heard=heard, detail=", ".join(decided.rule_ids))


async def agree_plan(desk: Desk) -> None:
    """Draw the plan; where the program is subsidized, a caseworker approves or changes it."""
    need = desk.memory.need
    _take_credits(desk)
    if need.plan is None:
        await _draw(desk)
    assert need.plan is not None
    if not need.plan.needs_approval:
        desk.move(EntryKind.PLAN_AGREED, rule="plan.approval")
        return
    heard = await desk.hear(
        Wait(
            key="plan",
            events=(EventType.CREDIT_RECOGNIZED,),
            orders=("plan/approve", "plan/change"),
            needed="plan.approval",
            within=desk.policy.plan.decided_within,
            cause=StuckCause.STAFF_IDLE,
            turn=Turn.STAFF,
        )
    )
    if isinstance(heard, Fact):
        _recognize(desk, heard)
    elif isinstance(heard, Instruction):
        await _decide_plan(desk, heard.order)


async def _decide_plan(desk: Desk, order: Order) -> None:
    match order.command:
        case Approve():
            desk.move(EntryKind.PLAN_AGREED, by=order.by, rule="plan.approval")
        case ChangePlan():
            await _change_plan(desk, order.command, order.by)


async def _change_plan(desk: Desk, change: ChangePlan, by: Actor) -> None:
    """Only what is named changes; it holds for plans that are drawn later, too."""
    need = desk.memory.need
    need.credits.extend(change.recognize)
    desk.journal.credit_modules(change.recognize)
    need.providers = change.providers or need.providers
    need.centers = change.centers or need.centers
    desk.note(EntryKind.PLAN_CHANGED, by=by, detail=_told(change))
    await _draw(desk)


def _told(change: ChangePlan) -> str:
    parts = [change.reason]
    if change.recognize:
        parts.append(f"recognized: {', '.join(credit.module for credit in change.recognize)}")
    if change.providers:
        parts.append(f"providers: {', '.join(change.providers)}")
    if change.centers:
        parts.append(f"centers: {', '.join(change.centers)}")
    return "; ".join(parts)


def _chosen(
    named: tuple[str, ...] | None, offered: tuple[PartnerOption, ...]
) -> tuple[PartnerOption, ...]:
    if named is None:
        return offered
    by_id = {option.partner: option for option in offered}
    return tuple(by_id[partner] for partner in named if partner in by_id)


def _take_credits(desk: Desk) -> None:
    """Earlier learning that arrived before the plan was drawn counts in it."""
    wanted = Wait(
        key="credits",
        events=(EventType.CREDIT_RECOGNIZED,),
        cause=StuckCause.PARTNER_SILENT,
        turn=Turn.NOBODY,
    )
    heard = desk.take(wanted)
    while heard is not None:
        _recognize(desk, heard)
        heard = desk.take(wanted)


def _recognize(desk: Desk, heard: Fact) -> None:
    data = heard.data
    assert isinstance(data, CreditRecognized)
    proven = tuple(
        ModuleCredit(module=module, source=data.source_credential, expires=data.expires)
        for module in data.modules
    )
    desk.memory.need.credits.extend(proven)
    desk.memory.need.plan = None
    desk.journal.credit_modules(proven)
    desk.note(EntryKind.FACT_RECORDED, heard=heard, detail=f"recognized: {', '.join(data.modules)}")


async def _draw(desk: Desk) -> None:
    """Draw the plan from what is known now, with the partners that a person chose; tell it."""
    brief, need = desk.brief, desk.memory.need
    told = need.drawn.warnings if need.drawn else ()
    drawn = need.drawn = await run_our_own(
        PlanningActivities.draw_plan,
        DrawPlan(
            journey_id=brief.journey_id,
            person_ref=brief.person_ref,
            occupation=brief.occupation,
            level=brief.level,
            pathway=brief.pathway,
            delivery_region=brief.delivery_region,
            job_region=brief.job_region,
            employer=brief.employer,
            subsidized=brief.subsidized,
            recognized=tuple(need.credits),
            policy=brief.policy,
            today=workflow.now(),
        ),
    )
    need.plan = drawn.model_copy(
        update={
            "providers": _chosen(need.providers, drawn.providers),
            "centers": _chosen(need.centers, drawn.centers),
        }
    )
    for warning in drawn.warnings:
        if warning not in told:
            desk.note(EntryKind.WARNED, detail=warning, rule="eligibility.warns_only")
    hours = sum(module.hours for module in drawn.modules)
    desk.note(
        EntryKind.PLAN_DRAWN,
        detail=f"{len(drawn.modules)} modules of {hours} h to take, "
        f"{len(drawn.recognized)} recognized",
    )


def open_training(desk: Desk) -> None:
    """Modules left are taken; none left, or recognition only, leads straight to assessment."""
    plan = desk.memory.need.plan
    if desk.brief.pathway is Pathway.RPL_ONLY:
        desk.move(EntryKind.ASSESSMENT_OPENED, detail="recognition of earlier learning only")
    elif plan is None or not plan.modules:
        desk.move(EntryKind.LEARNING_RECOGNIZED, rule="plan.zero_modules")
    else:
        desk.move(EntryKind.TRAINING_OPENED)
