"""How the run stands, read from PostgreSQL; and whether it has come to its end."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.journal import ReceiptStatus
from domain.model import Word
from domain.stages import Outcome, Stage, StuckCause
from processes.demo.script import DemoScript
from store.caseload import counts
from store.receipts import count_by_status

_STAYING = text(
    "SELECT count(*) FROM journeys "
    "WHERE closed_at IS NULL AND stuck_cause = :cause AND partner = ANY(:silent)"
)
_ONCE_STUCK = text(
    "SELECT split_part(detail, ':', 1) AS cause, count(DISTINCT journey_id) "
    "FROM journal WHERE kind = 'stuck' GROUP BY cause"
)


class Figures(Word):
    """Journeys by stage, outcome and cause; events by status; all counted in PostgreSQL.

    `staying` are those of the stuck that the script expects to stay so. `once_stuck` counts the
    journeys that ever were, by cause.
    """

    stages: dict[Stage, int]
    outcomes: dict[Outcome, int]
    stuck: dict[StuckCause, int]
    staying: int
    once_stuck: dict[StuckCause, int]
    events: dict[ReceiptStatus, int]

    @classmethod
    def of_nothing(cls) -> "Figures":
        """Before the first look."""
        return cls(stages={}, outcomes={}, stuck={}, staying=0, once_stuck={}, events={})

    @property
    def started(self) -> int:
        """All journeys."""
        return sum(self.stages.values())

    @property
    def closed(self) -> int:
        """Those that ended."""
        return self.stages.get(Stage.CLOSED, 0)

    @property
    def received(self) -> int:
        """All deliveries of events that were acknowledged."""
        return sum(self.events.values())

    @property
    def under_way(self) -> int:
        """Events that are not settled yet."""
        return sum(count for status, count in self.events.items() if not status.final)

    @property
    def unaccounted(self) -> int:
        """Journeys that are neither closed nor stuck for the cause that the script expects."""
        return self.started - self.closed - self.staying


async def read_figures(engine: AsyncEngine, script: DemoScript) -> Figures:
    """The figures of now, of one moment."""
    async with engine.connect() as connection:
        await connection.execution_options(isolation_level="REPEATABLE READ")
        counted = await counts(connection)
        staying = await connection.scalar(
            _STAYING, {"cause": script.stays, "silent": list(script.silent)}
        )
        once = {
            StuckCause(cause): number
            for cause, number in (await connection.execute(_ONCE_STUCK)).tuples()
        }
        return Figures(
            stages=counted.stages,
            outcomes=counted.outcomes,
            stuck=counted.stuck,
            staying=staying or 0,
            once_stuck=once,
            events=await count_by_status(connection),
        )
