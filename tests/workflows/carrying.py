"""A trainee's journey in a test: started, told of events, asked by staff, seen in its journal."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from temporalio.client import Client, WorkflowHandle, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import WorkerDeploymentConfig

from activities.record import CalendarPort
from domain.addresses import COMMAND, DELIVER, JOURNEY_QUEUE, workflow_id_of
from domain.brief import JourneyBrief
from domain.commands import Actor, Choose, Command, CommandAnswer, Order, Refusal
from domain.events import Delivery
from domain.journal import CaseLine, Entry, ReceiptStatus
from domain.levels import SkillLevel
from domain.plan import Module, Occupation, PartnerOption, Plan, Vacancy
from domain.planning import DrawPlan
from domain.policy import Policy
from domain.stages import Pathway, State
from policies.loader import load_catalog, load_policies
from processes.settings import Settings
from processes.worker import journey_activities, service_activities, workers
from tests.partners.fakes import FakeEnrollment, FakeExam, FakeGate, FakePlacement, FakeRegistry
from tests.workflows.journals import FakeJournal
from workflows.journey import Journey, JourneyResult
from workflows.memory import JourneyMemory

CASEWORKER = Actor(id="st_lin", role="caseworker")
SUPERVISOR = Actor(id="st_zhao", role="supervisor")
REGISTRY = "registry-gd"
ISSUER = "issuer-gd"
PROVIDERS = ("provider-1", "provider-2", "provider-3")
CENTERS = ("center-1", "center-2")
JOB_SERVICE = "jobs-sz"
MODULES = tuple(Module(code=f"m{n}", title=f"module {n}", hours=40) for n in (1, 2, 3))


@cache
def _nation() -> Policy:
    catalog = load_catalog()
    program = catalog.program("skills-initiative-2025")
    assert program is not None
    return load_policies(catalog=catalog).for_region("11", program)


def default_policy(**changes: Any) -> Policy:
    """The default policy of the nation, with sections changed: `placement={"follow_ups": ()}`."""
    policy = _nation()
    for section, values in changes.items():
        rules = getattr(policy, section)
        merged = type(rules).model_validate({**rules.model_dump(), **values})
        policy = policy.model_copy(update={section: merged})
    return policy


@dataclass
class FakePlanning:
    """Implements `PlanningPort`: the plan of this test, less what is recognized."""

    providers: tuple[PartnerOption, ...] = tuple(
        PartnerOption(partner=p, organization=f"org-{p}") for p in PROVIDERS
    )
    centers: tuple[PartnerOption, ...] = tuple(
        PartnerOption(partner=c, organization=f"org-{c}") for c in CENTERS
    )
    needs_approval: bool = False
    warnings: tuple[str, ...] = ()
    drawn: list[DrawPlan] = field(default_factory=list)
    away_for: int = 0

    async def draw_plan(self, request: DrawPlan) -> Plan:
        if self.away_for:
            self.away_for -= 1
            raise ConnectionError("PostgreSQL is away")
        self.drawn.append(request)
        known = {credit.module for credit in request.recognized}
        return Plan(
            modules=tuple(module for module in MODULES if module.code not in known),
            recognized=tuple(module.code for module in MODULES if module.code in known),
            providers=self.providers,
            centers=self.centers,
            job_services=(PartnerOption(partner=JOB_SERVICE, organization="org-jobs"),),
            needs_approval=self.needs_approval,
            warnings=self.warnings,
        )


class EveryDay:
    """Implements `CalendarPort`: every day is a working day."""

    def due(self, region: str, since: datetime, working_days: int) -> datetime:
        del region
        return since + timedelta(days=working_days)


@dataclass
class World:
    """The ports that a test's journeys reach, and the client that starts them."""

    client: Client
    environment: WorkflowEnvironment | None = None
    journal: FakeJournal = field(default_factory=FakeJournal)
    planning: FakePlanning = field(default_factory=FakePlanning)
    registry: FakeRegistry = field(default_factory=FakeRegistry)
    enrollment: FakeEnrollment = field(default_factory=FakeEnrollment)
    exam: FakeExam = field(default_factory=FakeExam)
    gate: FakeGate = field(default_factory=FakeGate)
    calendar: CalendarPort = field(default_factory=EveryDay)
    placement: FakePlacement = field(
        default_factory=lambda: FakePlacement(
            open_vacancies=tuple(
                Vacancy(
                    vacancy_ref=f"v{n}",
                    employer=f"employer-{n}",
                    occupation="6-18-01-01",
                    region="440305",
                )
                for n in (1, 2, 3)
            )
        )
    )

    @asynccontextmanager
    async def working(
        self, deployed: WorkerDeploymentConfig | None = None, **options: Any
    ) -> AsyncIterator["World"]:
        """Workers for journeys and for each partner service, with settings changed as told.

        `worker_journeys_cached=0` lets them read each journey's history anew at every step.
        """
        journeys = journey_activities(self.journal, self.planning, self.calendar)
        services = service_activities(
            self.registry, self.enrollment, self.exam, self.placement, self.gate
        )
        async with AsyncExitStack() as stack:
            settings = Settings().model_copy(update=options)
            for worker in workers(self.client, settings, journeys, services, deployed):
                await stack.enter_async_context(worker)
            yield self

    async def start(self, memory: JourneyMemory | None = None, **changes: Any) -> "Trainee":
        """Start a journey on the pathway `job`, with the brief changed as told.

        With a `memory`, as a run that goes on from an earlier one.
        """
        journey_id = f"jn_{uuid.uuid4().hex}"
        now = await self.now()
        brief = JourneyBrief(
            **{
                "journey_id": journey_id,
                "person_ref": f"pr_{uuid.uuid4().hex}",
                "program": "skills-initiative-2025",
                "subsidized": False,
                "occupation": Occupation(code="6-18-01-01"),
                "level": SkillLevel.INTERMEDIATE,
                "pathway": Pathway.JOB,
                "home_region": "440305",
                "delivery_region": "440305",
                "job_region": "440305",
                "registry": REGISTRY,
                "opened_at": now,
                "policy": default_policy(),
                **changes,
            }
        )
        handle = await self.client.start_workflow(
            Journey.run,
            args=[brief, memory],
            id=workflow_id_of(journey_id),
            task_queue=JOURNEY_QUEUE,
        )
        return Trainee(self, brief, handle)

    async def now(self) -> datetime:
        """The server's time, which may have been skipped ahead."""
        if self.environment is None:
            return datetime.now(UTC)
        return (await self.environment.get_current_time()).astimezone(UTC)

    async def skip(self, length: timedelta) -> None:
        """Let time pass."""
        assert self.environment is not None
        await self.environment.sleep(length)


@dataclass
class Trainee:
    """One journey of a test."""

    world: World
    brief: JourneyBrief
    handle: WorkflowHandle[Journey, JourneyResult]
    told: int = 0

    @property
    def id(self) -> str:
        return self.brief.journey_id

    @property
    def case(self) -> CaseLine:
        return self.world.journal.cases[self.id]

    @property
    def timeline(self) -> list[Entry]:
        return self.world.journal.timeline(self.id)

    @property
    def kinds(self) -> list[str]:
        return [entry.kind.value for entry in self.timeline]

    def event(
        self,
        name: str,
        data: dict[str, Any] | None = None,
        *,
        partner: str,
        about: str | None = None,
        event_id: str | None = None,
        receipt: str | None = None,
    ) -> Delivery:
        """An event as the relay would deliver it."""
        self.told += 1
        event_id = event_id or f"e{self.told}-{uuid.uuid4().hex[:8]}"
        return Delivery(
            receipt=receipt or f"rc_{uuid.uuid4().hex}",
            source=f"/partners/{partner}",
            event_id=event_id,
            partner=partner,
            type=name,
            about=about,
            data=data or {},
        )

    async def deliver(self, *events: Delivery) -> None:
        """Deliver events in one signal."""
        await self.handle.signal(DELIVER, list(events))

    async def tell(self, name: str, data: dict[str, Any] | None = None, **named: Any) -> Delivery:
        """Deliver one event."""
        event = self.event(name, data, **named)
        await self.deliver(event)
        return event

    def receipt(self, event: Delivery) -> ReceiptStatus:
        return self.world.journal.receipts[event.receipt].status

    async def until_receipt(self, event: Delivery, status: ReceiptStatus) -> None:
        await self.world.journal.until(
            lambda: event.receipt in self.world.journal.receipts and self.receipt(event) is status
        )

    async def until_final(self, event: Delivery) -> None:
        """Wait until an event has come to its final receipt, whichever."""
        receipts = self.world.journal.receipts
        await self.world.journal.until(
            lambda: event.receipt in receipts and receipts[event.receipt].status.final
        )

    async def command(
        self, command: Command, by: Actor = CASEWORKER, *, seen: int | None = None
    ) -> CommandAnswer:
        """Give a command; the journey's own answer."""
        return await self.handle.execute_update(
            COMMAND, Order(command=command, by=by, seen=seen), result_type=CommandAnswer
        )

    async def choose(self, event: Delivery) -> CommandAnswer:
        """A supervisor chooses the fact that stands."""
        return await self.command(
            Choose(receipt=event.receipt, reason="asked the center"), SUPERVISOR
        )

    async def refused(
        self, command: Command, by: Actor = CASEWORKER, *, seen: int | None = None
    ) -> Refusal:
        """Give a command that must be refused; why it was."""
        try:
            answer = await self.command(command, by, seen=seen)
        except WorkflowUpdateFailedError as failed:
            cause = failed.cause
            assert isinstance(cause, ApplicationError)
            return Refusal.model_validate(cause.details[0])
        raise AssertionError(f"{command.name} was not refused: {answer}")

    async def until(self, *states: State, awaiting: str | None = None) -> None:
        """Wait until the caseload shows one of these states (and what is awaited)."""
        await self.world.journal.until(
            lambda: (
                self.id in self.world.journal.cases
                and (not states or self.case.state in states)
                and (awaiting is None or awaiting in self.case.awaited)
            )
        )

    async def until_said(self, kind: str, times: int = 1) -> None:
        """Wait until the timeline has so many lines of a kind."""
        await self.world.journal.until(lambda: self.kinds.count(kind) >= times)

    async def result(self) -> JourneyResult:
        """How it ended; fails where it does not end by itself."""
        async with asyncio.timeout(60):
            return await self.handle.result()

    # -- the happy way, step by step ------------------------------------------------------------

    async def decide_eligible(self) -> None:
        await self.until(State.ELIGIBILITY, awaiting="eligibility.decided")
        await self.tell("eligibility.decided", {"outcome": "eligible"}, partner=REGISTRY)

    async def enroll(self, provider: str = PROVIDERS[0], ref: str | None = None) -> str:
        await self.until(State.ENROLLING, awaiting="enrollment.confirmed")
        ref = ref or self.last_ref()
        await self.tell("enrollment.confirmed", {"cohort": "c1"}, partner=provider, about=ref)
        return ref

    async def complete(self, ref: str, provider: str = PROVIDERS[0], pct: float = 92) -> None:
        await self.until(State.IN_PROGRESS, awaiting="training.completed")
        await self.tell("training.completed", {"attendance_pct": pct}, partner=provider, about=ref)

    async def sit(self, marks: dict[str, float], center: str = CENTERS[0], attempt: int = 1) -> str:
        """The center schedules each component for now and reports its mark."""
        await self.until(State.REGISTERING, awaiting="assessment.scheduled")
        ref = self.last_ref()
        for component in marks:
            await self.tell(
                "assessment.scheduled",
                {"component": component, "attempt": attempt, "at": str(await self.world.now())},
                partner=center,
                about=ref,
            )
        for component, mark in marks.items():
            await self.tell(
                "assessment.result",
                {"component": component, "attempt": attempt, "raw": mark},
                partner=center,
                about=ref,
            )
        return ref

    async def certify(self) -> None:
        await self.until(State.CERTIFICATE_PENDING, awaiting="certificate.issued")
        await self.tell("certificate.issued", {"number": f"C{self.id[-6:]}"}, partner=ISSUER)

    async def hire(self, employer: str = "employer-1") -> str:
        await self.until(State.REFERRED, awaiting="referral.accepted")
        ref = self.last_ref()
        await self.tell("referral.accepted", partner=JOB_SERVICE, about=ref)
        await self.tell("offer.made", partner=employer, about=ref)
        await self.tell(
            "employment.started",
            {"employer": employer, "date": str((await self.world.now()).date())},
            partner=employer,
            about=ref,
        )
        return ref

    async def stay(self, ref: str, employer: str = "employer-1") -> None:
        for month in (1, 3, 6):
            await self.until(State.FOLLOW_UP)
            await self.tell("employment.retained", {"month": month}, partner=employer, about=ref)

    def last_ref(self) -> str:
        return self.world.journal.references[self.id][-1]

    async def reach_assessment(self) -> None:
        """Eligible, trained, and registering."""
        await self.decide_eligible()
        ref = await self.enroll()
        await self.complete(ref)

    async def reach_placement(self) -> None:
        """Certified, and referred to the first vacancy."""
        await self.reach_assessment()
        await self.sit({"theory": 75, "practical": 80})
        await self.certify()
