"""Journeys played at their port: they answer what a test tells them to."""

from domain.commands import CommandAnswer, Order
from domain.stages import Stage, State


class PlayedJourneys:
    """Remembers every order under its update id, as Temporal does."""

    def __init__(self) -> None:
        self.orders: list[tuple[str, Order, str]] = []
        self.answer = CommandAnswer(stage=Stage.NEED, state=State.AGREED, sequence=4)
        self.refuses_with: Exception | None = None
        self.away: Exception | None = None

    async def command(self, journey_id: str, order: Order, update_id: str) -> CommandAnswer:
        if self.refuses_with is not None:
            raise self.refuses_with
        if update_id not in [known for _, _, known in self.orders]:
            self.orders.append((journey_id, order, update_id))
        return self.answer

    async def answered(self, journey_id: str, update_id: str) -> CommandAnswer | None:
        if self.away is not None:
            raise self.away
        known = [told for told, _, id_ in self.orders if id_ == update_id]
        return self.answer if journey_id in known else None

    async def check(self) -> None:
        if self.away is not None:
            raise self.away
