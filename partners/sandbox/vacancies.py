"""Vacancies of a small built-in labor market, the same for the same question every time."""

import hashlib
import random

from domain.plan import Vacancy
from partners.requests import FindVacancies

BLACKLISTED = "employer-blacklisted"
"""An employer that a policy may blacklist; it always has a vacancy."""

_EMPLOYERS = (
    "employer-chenxing-precision",
    "employer-hailan-appliances",
    "employer-minghe-logistics",
    "employer-ruikang-care",
    "employer-tianyu-electronics",
    "employer-xinfeng-auto-parts",
)
_TITLES = ("技术工（白班）", "技术工（两班倒）", "班组技术员", "见习技术工", "设备维护技术工")
_LISTED = 6


def list_vacancies(request: FindVacancies) -> tuple[Vacancy, ...]:
    """Six vacancies, one for each employer; the third is the blacklisted employer's."""
    question = f"{request.partner}|{request.occupation.code}|{request.region}"
    digest = hashlib.sha256(question.encode()).hexdigest()
    chance = random.Random(digest)  # noqa: S311 (a market to play with, no secret)
    employers = chance.sample(_EMPLOYERS, _LISTED - 1)
    employers.insert(2, BLACKLISTED)
    return tuple(
        Vacancy(
            vacancy_ref=f"vc_{digest[:20]}{number:02d}",
            employer=employer,
            occupation=request.occupation.code,
            region=request.region,
            title=chance.choice(_TITLES),
        )
        for number, employer in enumerate(employers, start=1)
    )
