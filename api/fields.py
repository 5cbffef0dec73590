"""Which fields of a case each role is shown: what is not listed for a role never leaves for it.

An auditor needs evidence: what happened, who of the staff and which partner did it, by which rule.
She needs nobody's identity, so the key to the person is not hers. Sensitive groups are the persons'
business (`api.persons`) and are on no case.
"""

from collections.abc import Mapping

from pydantic import BaseModel, create_model

from domain.commands import Role

_EVIDENCE = frozenset(
    {
        "journey_id",
        "program",
        "occupation",
        "level",
        "pathway",
        "home_region",
        "delivery_region",
        "job_region",
        "employer",
        "vacancy_ref",
        "sequence",
        "stage",
        "state",
        "overlays",
        "outcome",
        "awaited",
        "partner",
        "turn",
        "due_at",
        "stuck_cause",
        "stuck_since",
        "opened_at",
        "opened_by",
        "updated_at",
        "closed_at",
        "previous_journey",
        "policy_version",
        "attendance_pct",
        "next",
    }
)
_WHO_IT_IS = frozenset({"person_ref"})

CASE_FIELDS: Mapping[Role, frozenset[str]] = {
    Role.CASEWORKER: _EVIDENCE | _WHO_IT_IS,
    Role.SUPERVISOR: _EVIDENCE | _WHO_IT_IS,
    Role.AUDITOR: _EVIDENCE,
}
"""A case, in a list or alone. Operators and partners are shown none."""


def narrowed(name: str, model: type[BaseModel], fields: frozenset[str]) -> type[BaseModel]:
    """A model with these fields of `model` only, in its order.

    Raises:
        KeyError: a field is none of the model's.
    """
    unknown = fields - model.model_fields.keys()
    if unknown:
        raise KeyError(f"{model.__name__} has no {', '.join(sorted(unknown))}")
    kept = {
        field: (info.annotation, info)
        for field, info in model.model_fields.items()
        if field in fields
    }
    return create_model(name, __doc__=model.__doc__, **kept)  # type: ignore[call-overload,no-any-return]
