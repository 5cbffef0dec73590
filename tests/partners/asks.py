"""Requests to partner services, ready to send; each call makes one for a new trainee."""

from typing import Any, TypeVar
from uuid import uuid4

from domain.levels import SkillLevel
from domain.model import Word
from domain.plan import Component, Occupation
from partners.requests import (
    BookSitting,
    Cancel,
    CheckEligibility,
    FindVacancies,
    MakeReferral,
    RequestEnrollment,
)

_AskedT = TypeVar("_AskedT", bound=Word)

LATHE = Occupation(code="6-18-01-01")


def _trainee(about: dict[str, Any]) -> dict[str, Any]:
    return {
        "idempotency_key": f"key-{uuid4().hex}",
        "journey_id": f"jn_{uuid4().hex}",
        "person_ref": f"pr_{uuid4().hex}",
        **about,
    }


def check(**about: Any) -> CheckEligibility:
    usual = {
        "partner": "registry-gd",
        "program": "skills-2025",
        "occupation": LATHE,
        "level": SkillLevel.INTERMEDIATE,
        "region": "440305",
    }
    return CheckEligibility(**_trainee(usual | about))


def enrollment(**about: Any) -> RequestEnrollment:
    usual = {
        "partner": "provider-sz-01",
        "occupation": LATHE,
        "level": SkillLevel.INTERMEDIATE,
        "region": "440305",
        "modules": ("lathe-1", "lathe-2", "safety"),
    }
    return RequestEnrollment(**_trainee(usual | about))


def booking(**about: Any) -> BookSitting:
    usual = {
        "partner": "center-sz-01",
        "occupation": LATHE,
        "level": SkillLevel.INTERMEDIATE,
        "region": "440305",
        "components": (Component.THEORY, Component.PRACTICAL),
        "attempt": 1,
    }
    return BookSitting(**_trainee(usual | about))


def referral(**about: Any) -> MakeReferral:
    usual = {
        "partner": "jobs-sz",
        "vacancy_ref": "vc_1",
        "employer": "employer-minghe-logistics",
    }
    return MakeReferral(**_trainee(usual | about))


def vacancies(**about: Any) -> FindVacancies:
    usual = {"partner": "jobs-sz", "occupation": LATHE, "region": "440305"}
    return FindVacancies(**(usual | about))


def cancel(partner: str, ref: str, **about: Any) -> Cancel:
    usual = {
        "idempotency_key": f"key-{uuid4().hex}",
        "partner": partner,
        "ref": ref,
        "reason": "withdrew",
    }
    return Cancel(**(usual | about))


def again(request: _AskedT, **about: Any) -> _AskedT:
    """The same for the same trainee, under a new key."""
    return request.model_copy(update={"idempotency_key": f"key-{uuid4().hex}", **about})
