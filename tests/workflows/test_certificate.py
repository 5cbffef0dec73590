"""The certificate: 15 working days after the pass; one that comes before the results waits."""

from datetime import timedelta

from domain.journal import ReceiptStatus
from domain.stages import Pathway, State, StuckCause, Turn
from tests.workflows.carrying import ISSUER, Trainee, World
from tests.workflows.sittings import booked, report, schedule, sit


async def passed(world: World) -> Trainee:
    trainee = await world.start(pathway=Pathway.RPL_ONLY)
    await trainee.decide_eligible()
    await sit(trainee, theory=70, practical=70)
    await trainee.until(State.CERTIFICATE_PENDING)
    return trainee


async def test_the_certificate_opens_placement(world: World) -> None:
    trainee = await passed(world)
    await trainee.tell("certificate.issued", {"number": "C-17"}, partner=ISSUER)
    await trainee.until(State.REFERRED)
    issued = next(e for e in trainee.timeline if e.kind == "certificate_issued")
    assert issued.detail == "C-17"
    assert issued.by.id == ISSUER


async def test_a_certificate_is_overdue_15_working_days_after_the_pass(world: World) -> None:
    trainee = await passed(world)
    pass_at = next(e.at for e in trainee.timeline if e.kind == "assessment_passed")
    assert trainee.case.due_at == pass_at + timedelta(days=15)
    assert trainee.case.turn is Turn.PARTNER
    await world.skip(timedelta(days=16))
    await trainee.until_said("stuck")
    assert trainee.case.stuck_cause is StuckCause.PARTNER_SILENT
    assert trainee.case.awaited == ("certificate.issued",)
    await trainee.certify()
    await trainee.until(State.REFERRED)
    assert trainee.case.stuck_cause is None
    assert "cleared" in trainee.kinds


async def test_a_certificate_before_the_results_waits_for_the_pass(world: World) -> None:
    trainee = await world.start(pathway=Pathway.RPL_ONLY)
    await trainee.decide_eligible()
    ref = await booked(trainee)
    early = await trainee.tell("certificate.issued", {"number": "C-18"}, partner=ISSUER)
    await trainee.until_receipt(early, ReceiptStatus.BUFFERED)
    await schedule(trainee, ref, "theory", "practical")
    for component in ("theory", "practical"):
        await report(trainee, "result", ref, component, raw=60)
    await trainee.until(State.REFERRED)
    assert trainee.receipt(early) is ReceiptStatus.APPLIED
    kinds = trainee.kinds
    assert kinds.index("assessment_passed") < kinds.index("certificate_issued")


async def test_a_second_certificate_comes_late(world: World) -> None:
    trainee = await passed(world)
    await trainee.certify()
    await trainee.until(State.REFERRED)
    second = await trainee.tell("certificate.issued", {"number": "C-99"}, partner=ISSUER)
    await trainee.until_receipt(second, ReceiptStatus.LATE)
    assert trainee.kinds.count("certificate_issued") == 1
