"""Reads the demo's partners: who they are, where, and what they are authorized to assess."""

from datetime import date
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from domain.catalog import Catalog
from domain.levels import SkillLevel
from domain.model import Ref, Word
from domain.senders import SenderKind
from policies.reading import PolicyError, Problem, problems_of, read_mapping
from store.registry import Authorization, PartnerRow

PARTNERS_FILE = Path(__file__).parent / "partners.yaml"


class _AuthorizationGroup(Word):
    occupations: Annotated[tuple[str, ...], Field(min_length=1)]
    levels: Annotated[tuple[SkillLevel, ...], Field(min_length=1)]
    valid_from: date | None = None
    valid_to: date | None = None

    def authorizations(self) -> tuple[Authorization, ...]:
        return tuple(
            Authorization(
                occupation=occupation,
                levels=self.levels,
                valid_from=self.valid_from,
                valid_to=self.valid_to,
            )
            for occupation in self.occupations
        )


class _Partner(Word):
    kind: SenderKind
    name: str
    organization: Ref | None = None
    region: str = ""
    authorized_for: tuple[str, ...] = ()


class _Partners(Word):
    authorizations: dict[str, _AuthorizationGroup] = {}
    partners: Annotated[dict[Ref, _Partner], Field(min_length=1)]


def read_partners(catalog: Catalog, path: Path = PARTNERS_FILE) -> tuple[PartnerRow, ...]:
    """The partners of a file, in its order. A partner without an organization is its own.

    Raises:
        PolicyError: naming file, dotted key and value of everything that is wrong.
    """
    data, problems = read_mapping(path)
    try:
        read = _Partners.model_validate(data)
    except ValidationError as error:
        raise PolicyError(problems + problems_of(error, lambda _: path.name)) from None
    problems += [
        Problem(file=path.name, key=key, value=repr(value), reason=reason)
        for key, value, reason in _unknown(read, catalog)
    ]
    if problems:
        raise PolicyError(problems)
    return tuple(_row(read, name, partner) for name, partner in read.partners.items())


def _unknown(read: _Partners, catalog: Catalog) -> list[tuple[str, str, str]]:
    found = [
        (f"authorizations.{name}.occupations", code, "is no occupation of the catalog")
        for name, group in read.authorizations.items()
        for code in group.occupations
        if catalog.occupation("gbm", code) is None
    ]
    for name, partner in read.partners.items():
        if partner.region and catalog.division(partner.region) is None:
            found.append((f"partners.{name}.region", partner.region, "is no division's code"))
        found += [
            (f"partners.{name}.authorized_for", group, "is none of the authorizations")
            for group in partner.authorized_for
            if group not in read.authorizations
        ]
    return found


def _row(read: _Partners, name: str, partner: _Partner) -> PartnerRow:
    return PartnerRow(
        id=name,
        organization=partner.organization or name,
        kind=partner.kind,
        name=partner.name,
        region=partner.region,
        source=f"/partners/{name}",
        authorizations=tuple(
            authorization
            for group in partner.authorized_for
            for authorization in read.authorizations[group].authorizations()
        ),
    )
