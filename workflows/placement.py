"""The stage `placement`: matching, referral, offer, start, follow-up; or a promotion in service."""

from datetime import date, datetime, timedelta

from temporalio import workflow

from activities.services import PlacementActivities
from domain.commands import JOURNEYMAN, Choice, Decide, PartnerKind, Switch
from domain.events import (
    EmploymentStarted,
    EventType,
    OfferMade,
    PromotionConfirmed,
    ReferralAccepted,
)
from domain.lifecycle import EntryKind
from domain.plan import Vacancy
from domain.stages import Outcome, State, StuckCause, Turn
from partners.requests import Accepted, MakeReferral
from workflows.days import day_of, moment_of
from workflows.desk import Desk
from workflows.follow_up import follow_up
from workflows.memory import Ending, ReleaseKind
from workflows.refusals import until_accepted
from workflows.releases import give_back
from workflows.vacancies import find_vacancy
from workflows.waits import Fact, Heard, Instruction, JourneyEnded, Wait

SWITCH_VACANCY = (PartnerKind.VACANCY,)


async def place(desk: Desk) -> None:
    """One step of the stage, from the state in which the journey is."""
    match desk.memory.state:
        case State.PROFILING:
            open_search(desk)
        case State.MATCHING:
            await match_vacancy(desk)
        case State.REFERRED:
            await hear_referral(desk)
        case State.OFFERED:
            await hear_start(desk)
        case State.STARTED | State.FOLLOW_UP:
            await follow_up(desk)
        case State.AWAITING_PROMOTION:
            await hear_promotion(desk)
        case State.PROMOTED:
            raise _ending(Outcome.PROMOTED, EntryKind.PROMOTION_CLOSED)


def open_search(desk: Desk) -> None:
    """The search for a job is limited from the certificate on."""
    certified_at = desk.memory.assessment.certified_at or workflow.now()
    desk.memory.placement.limit_at = desk.policy.placement.placement_limit.after(certified_at)
    desk.move(EntryKind.MATCHING_BEGAN)


async def match_vacancy(desk: Desk) -> None:
    """Refer to the next match; without one look again later; past the limit a person decides."""
    placement = desk.memory.placement
    if placement.limit_at is not None and placement.limit_at <= workflow.now():
        await _decide_search(desk)
        return
    vacancy = await find_vacancy(desk)
    if vacancy is not None:
        await _refer(desk, vacancy)
        return
    referred = desk.asked_times("referral")
    heard = await desk.hear(
        Wait(
            key=f"match:{referred}" if referred else "first_referral",
            needed="vacancy",
            since=None if referred else desk.memory.assessment.certified_at,
            within=desk.policy.placement.first_referral_within,
            wake_at=_next_search(desk),
            orders=("retry", "switch"),
            switches=SWITCH_VACANCY,
            cause=StuckCause.NO_CAPACITY,
            turn=Turn.STAFF,
        )
    )
    await _obey_search(desk, heard)


def _next_search(desk: Desk) -> datetime:
    again = desk.policy.placement.search_again_after.after(workflow.now())
    limit_at = desk.memory.placement.limit_at
    return again if limit_at is None else min(again, limit_at)


async def _obey_search(desk: Desk, heard: Heard) -> None:
    if not isinstance(heard, Instruction):
        return
    command = heard.order.command
    if isinstance(command, Switch):
        desk.memory.placement.chosen = command.to
        desk.note(EntryKind.PARTNER_SWITCHED, by=heard.order.by, detail=command.reason)
    else:
        desk.tell_retried(heard)


async def _decide_search(desk: Desk) -> None:
    """`placement_limit` has passed without a hire: closed by a person's decision, or on we go."""
    limit_at = desk.memory.placement.limit_at
    heard = await desk.hear(
        Wait(
            key=f"placement_limit:{limit_at}",
            needed="placement.decision",
            orders=("decide",),
            choices=(Choice.CLOSE_NO_JOB, Choice.SEARCH_ON),
            within=desk.policy.placement.decided_within,
            cause=StuckCause.DECISION_OVERDUE,
            turn=Turn.STAFF,
        )
    )
    assert isinstance(heard, Instruction)
    assert isinstance(heard.order.command, Decide)
    if heard.order.command.choice is Choice.CLOSE_NO_JOB:
        raise _ending(Outcome.CERTIFIED_NO_JOB, EntryKind.SEARCH_ENDED, heard)
    limit = desk.policy.placement.placement_limit
    desk.memory.placement.limit_at = limit.after(workflow.now())
    desk.note(EntryKind.DECIDED, by=heard.order.by, detail=heard.order.command.reason)


async def _refer(desk: Desk, vacancy: Vacancy) -> None:
    brief, placement = desk.brief, desk.memory.placement
    service = placement.service
    assert service is not None
    answer = await until_accepted(
        desk,
        "placement",
        PlacementActivities.make_referral,
        lambda: MakeReferral(
            idempotency_key=desk.next_key("referral"),
            partner=service,
            journey_id=brief.journey_id,
            person_ref=brief.person_ref,
            vacancy_ref=vacancy.vacancy_ref,
            employer=vacancy.employer,
        ),
        PartnerKind.VACANCY,
    )
    placement.tried.append(vacancy.vacancy_ref)
    if not isinstance(answer, Accepted):
        await _obey_search(desk, answer)
        return
    placement.referral_ref, placement.accepted = answer.ref, False
    desk.hold_at_partner(ReleaseKind.REFERRAL, answer.ref, service, vacancy.employer)
    desk.move(
        EntryKind.REFERRAL_MADE, detail=f"{vacancy.vacancy_ref}: {answer.ref}", partner=service
    )


async def hear_referral(desk: Desk) -> None:
    """Accepted is noted; an offer moves on; declined goes to the next match."""
    placement, rules = desk.memory.placement, desk.policy.placement
    heard = await desk.hear(
        Wait(
            key=f"{'offer' if placement.accepted else 'referral'}:{placement.referral_ref}",
            events=(
                EventType.REFERRAL_ACCEPTED,
                EventType.OFFER_MADE,
                EventType.REFERRAL_DECLINED,
            ),
            about=placement.referral_ref,
            partner=placement.service,
            within=rules.offered_within if placement.accepted else rules.answered_within,
            orders=("switch",),
            switches=SWITCH_VACANCY,
            cause=StuckCause.PARTNER_SILENT,
            turn=Turn.PARTNER,
        )
    )
    if isinstance(heard, Fact) and isinstance(heard.data, ReferralAccepted):
        placement.accepted = True
        desk.note(EntryKind.FACT_RECORDED, heard=heard, detail="referral accepted")
    elif isinstance(heard, Fact) and isinstance(heard.data, OfferMade):
        desk.move(EntryKind.OFFER_MADE, heard=heard)
    else:
        await _end_referral(desk, heard, EntryKind.REFERRAL_ENDED)


async def hear_start(desk: Desk) -> None:
    """The trainee starts, or the offer comes to nothing and the next match is sought."""
    placement = desk.memory.placement
    heard = await desk.hear(
        Wait(
            key=f"start:{placement.referral_ref}",
            events=(
                EventType.EMPLOYMENT_STARTED,
                EventType.OFFER_DECLINED,
                EventType.REFERRAL_DECLINED,
            ),
            about=placement.referral_ref,
            partner=placement.service,
            within=desk.policy.placement.started_within,
            orders=("switch",),
            switches=SWITCH_VACANCY,
            cause=StuckCause.PARTNER_SILENT,
            turn=Turn.PARTNER,
        )
    )
    if isinstance(heard, Fact) and isinstance(heard.data, EmploymentStarted):
        placement.started_at = _start_of_work(desk, heard.data.date)
        placement.confirmed, placement.confirmed_unnamed = [], 0
        placement.confirmed_on = []
        placement.employments += 1
        desk.memory.releases = [
            held for held in desk.memory.releases if held.ref != placement.referral_ref
        ]
        desk.move(EntryKind.EMPLOYMENT_STARTED, heard=heard, detail=heard.data.employer or "")
        return
    declined = isinstance(heard, Fact) and heard.type is EventType.OFFER_DECLINED
    await _end_referral(
        desk, heard, EntryKind.OFFER_DECLINED if declined else EntryKind.REFERRAL_ENDED
    )


async def _end_referral(desk: Desk, heard: Heard, entry: EntryKind) -> None:
    """The partner declined, or a person turned elsewhere: then the referral is taken back."""
    placement = desk.memory.placement
    ended, placement.referral_ref = placement.referral_ref, None
    if isinstance(heard, Instruction):
        command = heard.order.command
        assert isinstance(command, Switch)
        placement.chosen = command.to
        desk.note(EntryKind.PARTNER_SWITCHED, by=heard.order.by, detail=command.reason)
        desk.move(entry, by=heard.order.by)
        if ended is not None:
            desk.end_reference(ended)
            await give_back(desk, ended)
        return
    assert isinstance(heard, Fact)
    desk.move(entry, heard=heard, detail=getattr(heard.data, "reason", ""))
    desk.used_up(ended)


async def hear_promotion(desk: Desk) -> None:
    """In service the employer confirms a promotion or a pay step; no referral is ever made."""
    heard = await desk.hear(
        Wait(
            key="promotion",
            events=(EventType.PROMOTION_CONFIRMED,),
            partner=desk.brief.employer,
            within=desk.policy.placement.promoted_within,
            cause=StuckCause.PARTNER_SILENT,
            turn=Turn.PARTNER,
        )
    )
    assert isinstance(heard, Fact)
    assert isinstance(heard.data, PromotionConfirmed)
    if desk.brief.employer and heard.partner not in _employers(desk):
        desk.reject(heard, "event.not_yours", "this is not the trainee's employer")
        return
    desk.move(EntryKind.PROMOTION_CONFIRMED, heard=heard, detail=heard.data.new_level or "")


def _employers(desk: Desk) -> tuple[str | None, ...]:
    """The partner ids under which the trainee's own employer may speak."""
    employer, plan = desk.brief.employer, desk.memory.need.plan
    own = (o.partner for o in (plan.centers if plan else ()) if o.organization == employer)
    return (employer, *own)


def _start_of_work(desk: Desk, day: date | None) -> datetime:
    """The first day of work as reported, no earlier than the journey and a year ahead at most."""
    now = workflow.now()
    if day is None or day == day_of(now):
        return now
    return min(max(moment_of(day), desk.brief.opened_at), now + timedelta(days=366))


def _ending(outcome: Outcome, entry: EntryKind, heard: Instruction | None = None) -> JourneyEnded:
    command = heard.order.command if heard else None
    return JourneyEnded(
        Ending(
            outcome=outcome,
            entry=entry,
            by=heard.order.by if heard else JOURNEYMAN,
            reason=getattr(command, "reason", ""),
        )
    )
