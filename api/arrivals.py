"""From an event whose sender is known to what is kept of it: checked, without personal numbers."""

from collections.abc import Mapping

from pydantic import JsonValue

from api.cloud_events import Attributes, essence
from api.event_data import UnfitData, fitting_data
from api.partner_book import Sender
from api.problems import TypeNotPermitted
from domain.events import EventType
from domain.journal import KeptBack
from domain.masking import without_personal_numbers_in
from domain.model import bounded
from domain.senders import may_send
from store.inbox import Arrival, canonical


class DoesNotFit(Exception):
    """A well-signed event that does not fit its schema; kept in quarantine with this reason."""


def arrival_of(
    event: dict[str, JsonValue], about: Attributes, raw: bytes, sender: Sender, data_limit: int
) -> Arrival:
    """The event as the inbox takes it: to be carried on, or kept back where it does not fit.

    Args:
        raw: the event as it was sent, which is kept sealed.
        data_limit: bytes of data that may enter a journey's history.

    Raises:
        TypeNotPermitted: partners of this kind don't report such facts.
    """
    kept_back, detail = None, ""
    try:
        data: Mapping[str, JsonValue] = _fitting(about, sender, event.get("data"), data_limit)
    except DoesNotFit as unfit:
        data, kept_back, detail = {}, KeptBack.SCHEMA, bounded(str(unfit))
    return Arrival(
        source=about.source,
        event_id=about.id,
        partner=sender.partner,
        type=about.type,
        subject=about.subject,
        time=about.time,
        sequence=about.sequence,
        data=data,
        canonical=canonical(essence(event)),
        raw=raw,
        kept_back=kept_back,
        detail=detail,
    )


def _fitting(
    about: Attributes, sender: Sender, data: JsonValue, limit: int
) -> dict[str, JsonValue]:
    """The data as a journey may read it: what its type has, and no personal number in free text."""
    event_type = EventType.of_cloud_type(about.type)
    if event_type is None:
        raise DoesNotFit("there is no such type of event")
    if not may_send(sender.kind, event_type):
        raise TypeNotPermitted(f"a partner of kind {sender.kind} does not send {about.type}")
    fitting = _read(event_type, data)
    if fitting.get("supersedes") == about.id:
        raise DoesNotFit("data.supersedes: names the event itself, not an earlier one")
    plain = without_personal_numbers_in(fitting)
    if plain != fitting:
        plain = _read(event_type, plain)
    if len(canonical(plain)) > limit:
        raise DoesNotFit(f"data is over {limit} bytes")
    return plain


def _read(event_type: EventType, data: JsonValue) -> dict[str, JsonValue]:
    try:
        return fitting_data(event_type, data)
    except UnfitData as unfit:
        raise DoesNotFit(str(unfit)) from None
