"""Corrected data of an event in quarantine: only where it was at fault, and only if it fits."""

from pydantic import JsonValue

from api.event_data import UnfitData, fitting_data
from api.problems import FieldError, QuarantineForbids, Unprocessable
from domain.events import EventType
from domain.journal import KeptBack
from domain.masking import without_personal_numbers_in
from store.inbox import canonical
from store.quarantine_decisions import QuarantineRule
from store.quarantine_views import KeptView

_AT_FAULT = frozenset({KeptBack.SCHEMA, KeptBack.UNDELIVERABLE})


def corrected_data(view: KeptView, data: dict[str, JsonValue] | None, limit: int) -> bytes | None:
    """The corrected data as its type has it, in JSON; None where nothing is corrected.

    Args:
        limit: bytes of data that may enter a journey's history.

    Raises:
        QuarantineForbids: it does not fit its schema and is not corrected, or no schema is known.
        Unprocessable: the data was not at fault, or what is given does not fit either.
    """
    if view.since is None:
        return None
    if data is None:
        if view.reason == KeptBack.SCHEMA:
            raise _forbids("its data does not fit its schema: give corrected data, or reject it")
        return None
    if view.reason not in _AT_FAULT:
        wrong = FieldError(field="data", message="can only be corrected where it was at fault")
        raise Unprocessable("the body does not fit; see errors", errors=[wrong])
    event = EventType.of_cloud_type(view.type)
    if event is None:
        raise _forbids("there is no such type of event, so no data can fit it; reject it")
    written = canonical(_fitting(event, without_personal_numbers_in(_fitting(event, data))))
    if len(written) > limit:
        wrong = FieldError(field="data", message=f"is over {limit} bytes")
        raise Unprocessable("the body does not fit; see errors", errors=[wrong])
    return written


def _fitting(event: EventType, data: JsonValue) -> dict[str, JsonValue]:
    try:
        return fitting_data(event, data)
    except UnfitData as unfit:
        raise Unprocessable(
            "the body does not fit; see errors", errors=unfit.in_request()
        ) from None


def _forbids(detail: str) -> QuarantineForbids:
    return QuarantineForbids(detail, rule=QuarantineRule.SCHEMA)
