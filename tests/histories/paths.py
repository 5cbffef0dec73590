"""Every path that a journey can take, walked to its end; each history is committed and replayed."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from domain.commands import (
    Approve,
    Choice,
    CloseLostContact,
    Decide,
    ExtendDeadline,
    Hold,
    PartnerKind,
    RecordEvidence,
    Resume,
    RetryNow,
    Switch,
    Withdraw,
)
from domain.events import EventType
from domain.journal import ReceiptStatus
from domain.stages import Outcome, Pathway, State
from partners.ports import PartnerUnavailable
from tests.workflows.carrying import CENTERS, JOB_SERVICE, MODULES, PROVIDERS, Trainee, World
from tests.workflows.sittings import booked, report, schedule

Path = Callable[[World], Awaitable[Trainee]]


async def retained(world: World) -> Trainee:
    """The whole way, plan approved."""
    world.planning.needs_approval = True
    trainee = await world.start(subsidized=True)
    await trainee.decide_eligible()
    await trainee.until(State.PLANNING, awaiting="credit.recognized")
    await trainee.command(Approve())
    await trainee.complete(await trainee.enroll())
    await trainee.sit({"theory": 75, "practical": 80})
    await trainee.certify()
    await trainee.stay(await trainee.hire())
    return trainee


async def promoted(world: World) -> Trainee:
    trainee = await world.start(pathway=Pathway.IN_SERVICE, employer="employer-1")
    await trainee.reach_placement()
    await trainee.until(awaiting="promotion.confirmed")
    await trainee.tell("promotion.confirmed", {"new_level": "senior"}, partner="employer-1")
    return trainee


async def recognition_only(world: World) -> Trainee:
    trainee = await world.start(pathway=Pathway.RPL_ONLY)
    await trainee.decide_eligible()
    await trainee.sit({"theory": 75, "practical": 80})
    await trainee.certify()
    await trainee.stay(await trainee.hire())
    return trainee


async def every_module_recognized(world: World) -> Trainee:
    trainee = await world.start()
    await trainee.until(State.ELIGIBILITY)
    await trainee.tell(
        "credit.recognized",
        {"modules": [module.code for module in MODULES]},
        partner="authorized-body",
    )
    await trainee.decide_eligible()
    await trainee.sit({"theory": 75, "practical": 80})
    await trainee.command(Withdraw(reason="moves away"))
    return trainee


async def ineligible(world: World) -> Trainee:
    trainee = await world.start()
    await trainee.until(State.ELIGIBILITY, awaiting="eligibility.decided")
    await trainee.tell(
        "eligibility.decided",
        {"outcome": "ineligible", "rule_ids": ["age"]},
        partner=trainee.brief.registry,
    )
    return trainee


async def withdrawn_with_a_seat(world: World) -> Trainee:
    trainee = await world.start()
    await trainee.decide_eligible()
    await trainee.enroll()
    await trainee.until(State.IN_PROGRESS)
    await trainee.command(Withdraw(reason="found work by herself"))
    return trainee


async def lost_contact_with_a_sitting(world: World) -> Trainee:
    trainee = await world.start()
    await trainee.reach_assessment()
    await trainee.until(State.REGISTERING, awaiting="assessment.scheduled")
    await trainee.command(CloseLostContact(reason="three letters came back"))
    return trainee


async def exhausted(world: World) -> Trainee:
    """Resit, retraining, and a third failure."""
    trainee = await world.start()
    await trainee.reach_assessment()
    await trainee.sit({"theory": 58, "practical": 75})
    await trainee.until_said("resit_granted")
    await trainee.sit({"theory": 41}, attempt=2)
    await trainee.until_said("retraining_ordered")
    await trainee.complete(await trainee.enroll())
    await trainee.until_said("training_completed", times=2)
    await trainee.sit({"theory": 59.5}, attempt=3)
    return trainee


async def placed_by_decision(world: World) -> Trainee:
    trainee = await world.start()
    await trainee.reach_placement()
    await trainee.hire()
    await trainee.until(State.FOLLOW_UP)
    await trainee.command(Decide(choice=Choice.CLOSE_PLACED, reason="the employer has closed"))
    return trainee


async def certified_no_job(world: World) -> Trainee:
    """No vacancy: looked for again, then closed by a person past the limit."""
    world.placement.open_vacancies = ()
    trainee = await world.start()
    await trainee.reach_placement()
    await trainee.until(State.MATCHING, awaiting="vacancy")
    await world.skip(timedelta(days=200))
    await trainee.until(State.MATCHING, awaiting="placement.decision")
    await trainee.command(Decide(choice=Choice.CLOSE_NO_JOB, reason="moves to another country"))
    return trainee


async def rejected_then_waitlisted(world: World) -> Trainee:
    trainee = await world.start()
    await trainee.decide_eligible()
    await trainee.until(State.ENROLLING, awaiting="enrollment.rejected")
    first = trainee.last_ref()
    await trainee.tell("enrollment.rejected", {"reason": "full"}, partner=PROVIDERS[0], about=first)
    await trainee.until_said("next_provider_chosen")
    await trainee.until(State.ENROLLING, awaiting="enrollment.waitlisted")
    second = trainee.last_ref()
    await trainee.tell("enrollment.waitlisted", {"position": 3}, partner=PROVIDERS[1], about=second)
    await trainee.until(State.WAITLISTED)
    await trainee.tell("enrollment.confirmed", partner=PROVIDERS[1], about=second)
    await trainee.until(State.IN_PROGRESS)
    await trainee.command(Withdraw(reason="ill"))
    return trainee


async def silent_provider(world: World) -> Trainee:
    """Silent past the limit: the next is asked, the old request canceled."""
    trainee = await world.start()
    await trainee.decide_eligible()
    await trainee.until(State.ENROLLING, awaiting="enrollment.confirmed")
    await world.skip(timedelta(days=6))
    await trainee.until_said("released")
    await trainee.until(State.ENROLLING, awaiting="enrollment.confirmed")
    await trainee.command(Withdraw(reason="waited too long"))
    return trainee


async def held_and_extended(world: World) -> Trainee:
    trainee = await world.start()
    await trainee.until(State.ELIGIBILITY, awaiting="eligibility.decided")
    await trainee.command(Hold(reason="in hospital"))
    await world.skip(timedelta(days=30))
    await trainee.command(Resume())
    until = trainee.case.due_at
    assert until is not None
    await trainee.command(ExtendDeadline(until=until + timedelta(days=9), reason="holidays"))
    await trainee.command(
        RecordEvidence(
            type=EventType.ELIGIBILITY_DECIDED,
            data={"outcome": "eligible"},
            reason="letter of the registry seen",
        )
    )
    await trainee.until(State.ENROLLING, awaiting="enrollment.confirmed")
    await trainee.command(Withdraw(reason="stays in hospital"))
    return trainee


async def short_attendance_repeated(world: World) -> Trainee:
    trainee = await world.start()
    await trainee.decide_eligible()
    await trainee.complete(await trainee.enroll(), pct=79.9)
    await trainee.until(State.UNDER_ATTENDED, awaiting="attendance.decision")
    await trainee.command(Decide(choice=Choice.REPEAT_TRAINING, reason="was ill"))
    await trainee.complete(await trainee.enroll(), pct=60)
    await trainee.until(State.UNDER_ATTENDED, awaiting="attendance.decision")
    await trainee.command(Decide(choice=Choice.NEXT_PROVIDER, reason="closer to home"))
    await trainee.until(State.ENROLLING, awaiting="enrollment.confirmed")
    await trainee.command(Withdraw(reason="no time"))
    return trainee


async def absent_and_voided(world: World) -> Trainee:
    trainee = await world.start()
    await trainee.reach_assessment()
    await trainee.until(State.REGISTERING, awaiting="assessment.scheduled")
    ref = trainee.last_ref()
    for component in ("theory", "practical"):
        await trainee.tell(
            "assessment.scheduled", {"component": component}, partner=CENTERS[0], about=ref
        )
    await trainee.tell(
        "assessment.absent",
        {"component": "theory", "excused": True},
        partner=CENTERS[0],
        about=ref,
    )
    await trainee.tell(
        "assessment.voided", {"component": "practical"}, partner=CENTERS[0], about=ref
    )
    await trainee.until_said("sitting_lost")
    await trainee.sit({"theory": 75, "practical": 80})
    await trainee.certify()
    await trainee.hire()
    await trainee.until(State.FOLLOW_UP)
    await trainee.command(CloseLostContact(reason="moved"))
    return trainee


async def declined_and_ended(world: World) -> Trainee:
    """A declined referral, a declined offer, an employment that ends in its first month."""
    trainee = await world.start()
    await trainee.reach_placement()
    await trainee.until(State.REFERRED, awaiting="referral.declined")
    first = trainee.last_ref()
    await trainee.tell("referral.declined", {"reason": "filled"}, partner=JOB_SERVICE, about=first)
    await trainee.until_said("referral_made", times=2)
    await trainee.until(State.REFERRED, awaiting="offer.made")
    second = trainee.last_ref()
    await trainee.tell("offer.made", partner="employer-2", about=second)
    await trainee.tell("offer.declined", {"reason": "wage"}, partner="employer-2", about=second)
    await trainee.until_said("referral_made", times=3)
    third = await trainee.hire("employer-3")
    await trainee.until(State.FOLLOW_UP)
    await trainee.tell("employment.ended", {"reason": "quit"}, partner="employer-3", about=third)
    await trainee.until(State.MATCHING, awaiting="vacancy")
    await trainee.command(CloseLostContact(reason="her number no longer answers"))
    return trainee


async def refused_switched_and_late(world: World) -> Trainee:
    """A service refuses, a person retries and switches; a late and a repeated event."""
    trainee = await world.start()
    await trainee.decide_eligible()
    world.enrollment.refuse("unknown_module", "no such module")
    await trainee.until_said("stuck")
    await trainee.command(RetryNow())
    await trainee.until_said("stuck", times=2)
    world.enrollment.recover()
    await trainee.command(Switch(kind=PartnerKind.PROVIDER, to=PROVIDERS[2], reason="nearer"))
    ref = await trainee.enroll(PROVIDERS[2])
    await trainee.until(State.IN_PROGRESS)
    event = await trainee.tell("enrollment.rejected", partner=PROVIDERS[2], about=ref)
    await trainee.deliver(event)
    await trainee.tell("eligibility.decided", {"outcome": "eligible"}, partner="registry-gd")
    await trainee.until_said("event_late")
    await trainee.command(Withdraw(reason="no time"))
    return trainee


async def service_down_and_records_away(world: World) -> Trainee:
    """A service that is down past the limit, and PostgreSQL away while an end is recorded."""
    world.registry.fail(PartnerUnavailable("down"), times=8)
    trainee = await world.start()
    await trainee.until(State.ELIGIBILITY)
    await world.skip(timedelta(hours=1))
    await trainee.decide_eligible()
    await trainee.until(State.ENROLLING, awaiting="enrollment.confirmed")
    world.journal.away = True
    await trainee.tell("enrollment.confirmed", partner=PROVIDERS[0], about=trainee.last_ref())
    await world.skip(timedelta(seconds=5))
    world.journal.away = False
    await world.skip(timedelta(minutes=1))
    await trainee.until(State.IN_PROGRESS)
    await trainee.command(Withdraw(reason="no time"))
    return trainee


async def contradicted_and_chosen(world: World) -> Trainee:
    """A result told twice with other marks; the supervisor chooses the later one."""
    trainee = await world.start(pathway=Pathway.RPL_ONLY)
    await trainee.decide_eligible()
    ref = await booked(trainee)
    await schedule(trainee, ref, "theory", "practical")
    await trainee.until(State.AWAITING_RESULTS)
    await report(trainee, "result", ref, "theory", raw=58)
    other = await report(trainee, "result", ref, "theory", raw=85)
    await trainee.until_receipt(other, ReceiptStatus.CONFLICT)
    await report(trainee, "result", ref, "practical", raw=80)
    await trainee.choose(other)
    await trainee.certify()
    await trainee.stay(await trainee.hire())
    return trainee


PATHS: dict[Path, Outcome] = {
    contradicted_and_chosen: Outcome.RETAINED,
    retained: Outcome.RETAINED,
    promoted: Outcome.PROMOTED,
    recognition_only: Outcome.RETAINED,
    every_module_recognized: Outcome.WITHDRAWN,
    ineligible: Outcome.INELIGIBLE,
    withdrawn_with_a_seat: Outcome.WITHDRAWN,
    lost_contact_with_a_sitting: Outcome.LOST_CONTACT,
    exhausted: Outcome.EXHAUSTED,
    placed_by_decision: Outcome.PLACED,
    certified_no_job: Outcome.CERTIFIED_NO_JOB,
    rejected_then_waitlisted: Outcome.WITHDRAWN,
    silent_provider: Outcome.WITHDRAWN,
    held_and_extended: Outcome.WITHDRAWN,
    short_attendance_repeated: Outcome.WITHDRAWN,
    absent_and_voided: Outcome.LOST_CONTACT,
    declined_and_ended: Outcome.LOST_CONTACT,
    refused_switched_and_late: Outcome.WITHDRAWN,
    service_down_and_records_away: Outcome.WITHDRAWN,
}
"""Each path with the outcome that it comes to."""
