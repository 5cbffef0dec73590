"""Drawing a plan: what is still to be learned, and which partners to ask in which order."""

import hashlib
from collections.abc import Iterable
from datetime import date

from sqlalchemy import and_, bindparam, func, or_, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.catalog import Catalog
from domain.levels import SkillLevel
from domain.plan import PartnerOption, Plan
from domain.planning import DrawPlan
from domain.policy import Approval, Policy
from domain.senders import SenderKind
from domain.stages import Pathway
from store.credits import live_modules
from store.registry import COLUMNS, Authorization, PartnerRow, partner_of
from store.tables import journeys, partners

MOST_ASKED = 20
"""Partners of a kind that a plan names at most."""


class NoRegistry(Exception):
    """No registry is responsible for the region."""

    def __init__(self, region: str) -> None:
        super().__init__(region)
        self.region = region


_REGISTRY = (
    select(partners.c.partner_id)
    .where(
        partners.c.kind == SenderKind.REGISTRY,
        func.starts_with(bindparam("region"), partners.c.region),
    )
    .order_by(func.length(partners.c.region).desc(), partners.c.partner_id)
    .limit(1)
)
_PARTNERS = select(*COLUMNS).where(
    func.left(partners.c.region, 2).in_(["", bindparam("delivery"), bindparam("job")]),
    or_(
        partners.c.kind.in_([SenderKind.PROVIDER, SenderKind.JOB_SERVICE]),
        and_(
            partners.c.kind.in_([SenderKind.CENTER, SenderKind.EMPLOYER]),
            partners.c.authorizations.contains(bindparam("leave", type_=JSONB)),
        ),
    ),
)
_YEARS = select(journeys.c.years_of_service).where(journeys.c.journey_id == bindparam("journey_id"))


async def registry_for(connection: AsyncConnection, region: str) -> str:
    """The registry that decides eligibility in a region; the nearest where several cover it.

    Raises:
        NoRegistry: none covers it.
    """
    found = (await connection.execute(_REGISTRY, {"region": region})).scalar()
    if found is None:
        raise NoRegistry(region)
    return str(found)


class PostgresPlanning:
    """Draws plans from the catalog, the partner registry and the person's credits."""

    def __init__(self, engine: AsyncEngine, catalog: Catalog) -> None:
        self._single = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._catalog = catalog

    async def draw_plan(self, request: DrawPlan) -> Plan:
        """Modules required less live credits, and the partners to ask, nearest first.

        A list of partners may be empty: the journey is then stuck for want of capacity.
        """
        today = request.today.date()
        async with self._single.connect() as connection:
            live = await live_modules(connection, request.person_ref, today)
            near = await _partners_near(connection, request)
            years = (await connection.execute(_YEARS, {"journey_id": request.journey_id})).scalar()
        required = self._catalog.modules_for(request.occupation.code, request.level)
        proven = {credit.module for credit in live} | {
            credit.module
            for credit in request.recognized
            if credit.expires is None or credit.expires >= today
        }
        providers = _providers(request, near)
        return Plan(
            modules=tuple(module for module in required if module.code not in proven),
            recognized=tuple(module.code for module in required if module.code in proven),
            providers=providers,
            centers=_centers(request, near, {option.organization for option in providers}),
            job_services=_job_services(request, near),
            needs_approval=_needs_approval(request.policy, request.subsidized),
            warnings=_warnings(request.policy, request.level, years),
        )


async def _partners_near(connection: AsyncConnection, request: DrawPlan) -> tuple[PartnerRow, ...]:
    rows = await connection.execute(
        _PARTNERS,
        {
            "delivery": request.delivery_region[:2],
            "job": request.job_region[:2],
            "leave": [{"occupation": request.occupation.code, "levels": [request.level]}],
        },
    )
    return tuple(partner_of(row._mapping) for row in rows)


def _providers(request: DrawPlan, near: Iterable[PartnerRow]) -> tuple[PartnerOption, ...]:
    providers = _nearest(request, near, SenderKind.PROVIDER, request.delivery_region)
    return tuple(
        PartnerOption(partner=partner.id, organization=partner.organization)
        for partner in providers[:MOST_ASKED]
    )


def _job_services(request: DrawPlan, near: Iterable[PartnerRow]) -> tuple[PartnerOption, ...]:
    services = _nearest(request, near, SenderKind.JOB_SERVICE, request.job_region)
    return tuple(
        PartnerOption(partner=partner.id, organization=partner.organization)
        for partner in services[:MOST_ASKED]
    )


def _centers(
    request: DrawPlan, near: tuple[PartnerRow, ...], trainers: set[str]
) -> tuple[PartnerOption, ...]:
    """Authorized assessors: her own enterprise first, organizations that also train last."""
    own = [
        partner
        for partner in near
        if request.pathway is Pathway.IN_SERVICE
        and partner.kind is SenderKind.EMPLOYER
        and partner.organization == request.employer
    ]
    centers = _nearest(request, near, SenderKind.CENTER, request.delivery_region)
    centers.sort(key=lambda partner: partner.organization in trainers)
    options = (_authorized(partner, request) for partner in (*own, *centers))
    return tuple(option for option in options if option is not None)[:MOST_ASKED]


def _authorized(partner: PartnerRow, request: DrawPlan) -> PartnerOption | None:
    found = _authorization(
        partner.authorizations, request.occupation.code, request.level, request.today.date()
    )
    if found is None:
        return None
    return PartnerOption(
        partner=partner.id,
        organization=partner.organization,
        authorized_from=found.valid_from,
        authorized_to=found.valid_to,
    )


def _authorization(
    held: Iterable[Authorization], occupation: str, level: SkillLevel, day: date
) -> Authorization | None:
    covering = [each for each in held if each.covers(occupation, level, day)]
    return max(covering, key=lambda each: each.valid_to or date.max, default=None)


def _nearest(
    request: DrawPlan, near: Iterable[PartnerRow], kind: SenderKind, region: str
) -> list[PartnerRow]:
    """Those of the kind in the region's province: same city first, then the others.

    Within a rank each journey has an order of its own, always the same, so that not every trainee
    of a city asks the same provider first.
    """
    of_kind = [
        partner
        for partner in near
        if partner.kind is kind and partner.region[:2] in ("", region[:2])
    ]
    return sorted(
        of_kind,
        key=lambda partner: (_distance(partner.region, region), _lot(request, partner)),
    )


def _distance(of: str, region: str) -> int:
    if of == "":
        return 2
    same_city = len(of) >= 4 and of[:4] == region[:4]
    return 0 if same_city else 1


def _lot(request: DrawPlan, partner: PartnerRow) -> bytes:
    return hashlib.sha256(f"{request.journey_id} {partner.id}".encode()).digest()


def _needs_approval(policy: Policy, subsidized: bool) -> bool:
    approval = policy.plan.approval
    return approval is Approval.ALWAYS or (approval is Approval.SUBSIDIZED and subsidized)


def _warnings(policy: Policy, level: SkillLevel, years: float | None) -> tuple[str, ...]:
    """Missing years of service warn and never block (rule `eligibility`)."""
    required = policy.eligibility.years_of_service.get(level, 0)
    if required == 0:
        return ()
    if years is None:
        return (f"years of service unknown; level {level} asks for {required:g}",)
    if years < required:
        return (f"{years:g} years of service; level {level} asks for {required:g}",)
    return ()
