"""The demo's partners are enough to carry each of its trainees."""

from datetime import date
from pathlib import Path

import pytest

from domain.catalog import Catalog
from domain.senders import SenderKind
from policies.reading import PolicyError
from processes.demo.cohort import COHORT_FILE, read_cohort
from processes.demo.partners import read_partners
from store.registry import PartnerRow

PROVINCES = ("44", "51", "41", "32", "33", "42")


@pytest.fixture(scope="module")
def partners(catalog: Catalog) -> tuple[PartnerRow, ...]:
    return read_partners(catalog)


def near(partners: tuple[PartnerRow, ...], kind: SenderKind, region: str) -> list[PartnerRow]:
    return [each for each in partners if each.kind is kind and each.region[:2] == region[:2]]


@pytest.mark.parametrize("province", PROVINCES)
@pytest.mark.parametrize(
    ("kind", "fewest"),
    [
        (SenderKind.REGISTRY, 1),
        (SenderKind.PROVIDER, 2),
        (SenderKind.CENTER, 2),
        (SenderKind.JOB_SERVICE, 1),
        (SenderKind.EMPLOYER, 1),
    ],
)
def test_each_region_has_its_partners(
    partners: tuple[PartnerRow, ...], province: str, kind: SenderKind, fewest: int
) -> None:
    assert len(near(partners, kind, province)) >= fewest


def test_whoever_trains_does_not_assess(partners: tuple[PartnerRow, ...]) -> None:
    of = {
        kind: {each.organization for each in partners if each.kind is kind}
        for kind in (SenderKind.PROVIDER, SenderKind.CENTER)
    }
    assert not of[SenderKind.PROVIDER] & of[SenderKind.CENTER]


def test_one_enterprise_may_assess_its_own_staff(partners: tuple[PartnerRow, ...]) -> None:
    assessing = [
        each for each in partners if each.kind is SenderKind.EMPLOYER and each.authorizations
    ]
    assert [each.organization for each in assessing] == ["employer-tianyu-electronics"]


def test_each_partner_speaks_under_a_source_of_its_own(partners: tuple[PartnerRow, ...]) -> None:
    assert [each.source for each in partners] == [f"/partners/{each.id}" for each in partners]
    assert len({each.id for each in partners}) == len(partners)


def test_each_trainee_of_the_cohort_finds_an_authorized_center(
    partners: tuple[PartnerRow, ...],
) -> None:
    today = date(2026, 11, 1)
    for row in read_cohort(COHORT_FILE):
        centers = near(partners, SenderKind.CENTER, row.delivery_region or row.home_region)
        assert any(
            authorization.covers(row.occupation.code, row.level, today)
            for center in centers
            for authorization in center.authorizations
        )


def test_each_employer_of_the_cohort_is_a_partner(partners: tuple[PartnerRow, ...]) -> None:
    employers = {each.id for each in partners if each.kind is SenderKind.EMPLOYER}
    named = {row.employer for row in read_cohort(COHORT_FILE) if row.employer}
    assert named
    assert named <= employers


def test_what_a_partners_file_has_wrong_is_named_together(tmp_path: Path, catalog: Catalog) -> None:
    path = tmp_path / "partners.yaml"
    path.write_text(
        "authorizations:\n  odd: {occupations: [6-99-99-99], levels: [junior]}\n"
        'partners:\n  center-x: {kind: center, name: X, region: "99", authorized_for: [none]}\n'
    )
    with pytest.raises(PolicyError) as refused:
        read_partners(catalog, path)
    assert {(each.key, each.value) for each in refused.value.problems} == {
        ("authorizations.odd.occupations", "'6-99-99-99'"),
        ("partners.center-x.region", "'99'"),
        ("partners.center-x.authorized_for", "'none'"),
    }
