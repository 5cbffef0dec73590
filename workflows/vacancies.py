"""Which vacancy a trainee is referred to next: never one tried, never a blacklisted employer's."""

from activities.services import PlacementActivities
from domain.lifecycle import EntryKind
from domain.plan import PartnerOption, Vacancy
from partners.requests import FindVacancies
from workflows.desk import Desk
from workflows.waits import ServiceRefused


async def find_vacancy(desk: Desk) -> Vacancy | None:
    """The next match that was not tried: a person's choice first, then the journey's own vacancy.

    A blacklisted employer's never is one.
    """
    brief, plan, placement = desk.brief, desk.memory.need.plan, desk.memory.placement
    wanted = [
        ref for ref in (placement.chosen, brief.vacancy_ref) if ref and ref not in placement.tried
    ]
    best: Vacancy | None = None
    for service in plan.job_services if plan else ():
        found = _best(desk, await _open_vacancies(desk, service), wanted)
        if found is not None and (best is None or _rank(found, wanted) < _rank(best, wanted)):
            best, placement.service = found, service.partner
        if best is not None and _rank(best, wanted) == 0:
            break
    return best


async def _open_vacancies(desk: Desk, service: PartnerOption) -> tuple[Vacancy, ...]:
    """What a job service lists, best match first; nothing where it refuses to tell."""
    found = await desk.call(
        "placement",
        PlacementActivities.find_vacancies,
        FindVacancies(
            partner=service.partner,
            occupation=desk.brief.occupation,
            region=desk.brief.job_region,
        ),
        keep_clock=True,
    )
    if isinstance(found, ServiceRefused):
        desk.note(
            EntryKind.WARNED,
            detail=f"the vacancies were refused: {found.code}",
            partner=service.partner,
        )
        return ()
    return found.vacancies


def _best(desk: Desk, listed: tuple[Vacancy, ...], wanted: list[str]) -> Vacancy | None:
    blacklisted = desk.policy.placement.blacklisted_employers
    return min(
        (
            vacancy
            for vacancy in listed
            if vacancy.vacancy_ref not in desk.memory.placement.tried
            and vacancy.employer not in blacklisted
        ),
        key=lambda vacancy: _rank(vacancy, wanted),
        default=None,
    )


def _rank(vacancy: Vacancy, wanted: list[str]) -> int:
    """0 for what is wanted most; the same for whatever nobody named."""
    return wanted.index(vacancy.vacancy_ref) if vacancy.vacancy_ref in wanted else len(wanted)
