"""What the sandbox has been told, kept in the ledger's file so that a restart remembers it."""

from typing import TypeVar

from domain.events import EventType
from domain.model import Word
from partners.requests import Service
from partners.sandbox.ledger import Ledger
from partners.sandbox.scripts import PartnerControl, ServiceControl, TraineeScript

_WordT = TypeVar("_WordT", bound=Word)


class Controls:
    """Orders by service, partner and trainee; whoever has none behaves as usual."""

    def __init__(self, ledger: Ledger) -> None:
        self._db = ledger.db
        self._services = self._load("service", ServiceControl)
        self._partners = self._load("partner", PartnerControl)
        self._trainees = self._load("trainee", TraineeScript)

    def service(self, name: Service) -> ServiceControl:
        """How this service is to behave."""
        return self._services.get(name, _USUAL_SERVICE)

    def partner(self, partner: str) -> PartnerControl:
        """How this partner is to behave."""
        return self._partners.get(partner, _USUAL_PARTNER)

    def trainee(self, person_ref: str) -> TraineeScript:
        """What is to happen to this trainee."""
        return self._trainees.get(person_ref, _USUAL_TRAINEE)

    def silences(self, partner: str, person_ref: str, kind: EventType) -> bool:
        """Whether an event that is due now, and what would follow it, is withheld."""
        return self.partner(partner).silent or self.trainee(person_ref).withholds(kind)

    def tell_service(self, name: Service, control: ServiceControl) -> None:
        """Replace a service's orders."""
        self._services[name] = control
        self._keep("service", name, control)

    def tell_partner(self, partner: str, control: PartnerControl) -> None:
        """Replace a partner's orders."""
        self._partners[partner] = control
        self._keep("partner", partner, control)

    def tell_trainee(self, person_ref: str, script: TraineeScript) -> None:
        """Replace a trainee's script."""
        self._trainees[person_ref] = script
        self._keep("trainee", person_ref, script)

    def forget(self) -> None:
        """Forget all orders and scripts."""
        self._services.clear()
        self._partners.clear()
        self._trainees.clear()
        self._db.execute("DELETE FROM controls")

    def _keep(self, subject: str, name: str, content: Word) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO controls VALUES (?, ?, ?)",
            (subject, name, content.model_dump_json()),
        )

    def _load(self, subject: str, model: type[_WordT]) -> dict[str, _WordT]:
        rows = self._db.execute("SELECT name, content FROM controls WHERE subject = ?", (subject,))
        return {row["name"]: model.model_validate_json(row["content"]) for row in rows}


_USUAL_SERVICE = ServiceControl()
_USUAL_PARTNER = PartnerControl()
_USUAL_TRAINEE = TraineeScript()
