"""The verdict on a seed: what was lost, what was doubled, and who differs from the oracle."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from itertools import takewhile

from domain.journal import ReceiptStatus
from tests.faults.harness.carrying import Carried
from tests.faults.harness.sender import Acknowledgment
from tests.faults.harness.stories import FinalBooks, Story
from tests.faults.harness.variants import ATTENDANCE

SHOWN = 12
"""Of how many troubles the report speaks in words."""
LINES_SHOWN = 8


@dataclass(frozen=True)
class Verdict:
    """What the books say against us; each in words."""

    lost: tuple[str, ...]
    doubled: tuple[str, ...]
    differing: tuple[str, ...]

    @property
    def good(self) -> bool:
        return not (self.lost or self.doubled or self.differing)

    @property
    def words(self) -> list[str]:
        """Each trouble, as far as a reader wants to know."""
        kinds = ("lost", "doubled", "differing")
        return [f"{kind}: {words}" for kind in kinds for words in getattr(self, kind)[:SHOWN]]


def lost(acknowledged: Iterable[Acknowledgment], books: FinalBooks) -> tuple[str, ...]:
    """Acknowledged, and not in the inbox, or without a final state and its reason."""
    receipts = {row.receipt for row in books.inbox.values()}
    found = []
    for each in acknowledged:
        event = f"{each.event.id} ({each.receipt})"
        row = books.inbox.get((each.event.source, each.event.id))
        if row is None or (each.receipt not in receipts and each.receipt not in books.repeats):
            found.append(f"{event} is not in the inbox")
        elif not row.status.final:
            found.append(f"{event} is still {row.status}")
        elif not row.reason:
            found.append(f"{event} is {row.status} without a reason")
    return tuple(dict.fromkeys(found))


def doubled(people: Iterable[Carried], books: FinalBooks) -> tuple[str, ...]:
    """One fact applied under two receipts, or one receipt with two effects of a kind."""
    found = []
    for carried in people:
        for each in carried.trainee.facts:
            rows = [books.inbox[key] for key in carried.events[each.number] if key in books.inbox]
            applied = [row.receipt for row in rows if row.status is ReceiptStatus.APPLIED]
            if len(applied) > 1:
                found.append(f"{carried.trainee.tag} {each.fact.role}: applied by {applied}")
        said = Counter(
            (line.receipt, line.kind)
            for line in books.journal[carried.journey_id]
            if line.receipt is not None
        )
        found += [
            f"{carried.trainee.tag}: {kind} by {receipt} stands in the journal {times} times"
            for (receipt, kind), times in said.items()
            if times > 1
        ]
    return tuple(found)


def differing(
    people: Sequence[tuple[Carried, Story]], oracles: dict[str, Story], books: FinalBooks
) -> tuple[str, ...]:
    """Who did not end as the oracle of her way, each once, and in what."""
    found = []
    for carried, story in people:
        oracle = oracles[carried.trainee.variant.name]
        told = [
            f"{field.name} {_unlike(field.name, story, oracle)}"
            for field in fields(Story)
            if _unlike(field.name, story, oracle)
        ]
        if told:
            way = f"{carried.trainee.tag} ({carried.trainee.variant.name}, {carried.journey_id})"
            lines = "\n  ".join(map(str, books.journal[carried.journey_id][-LINES_SHOWN:]))
            found.append(f"{way}: {'; '.join(told)}; its last lines:\n  {lines}")
    return tuple(found)


def wrong_oracles(oracles: Iterable[tuple[Carried, Story]]) -> tuple[str, ...]:
    """Oracles that do not end as their way is told: nobody may be compared with them."""
    return tuple(
        f"the oracle of {carried.trainee.variant.name} ended {story.end}"
        for carried, story in oracles
        if carried.trainee.variant.outcome not in story.end
    )


def _unlike(name: str, story: Story, oracle: Story) -> str:
    mine, theirs = getattr(story, name), getattr(oracle, name)
    if name == "moves" and mine != theirs:
        same = len(
            list(takewhile(lambda pair: pair[0] == pair[1], zip(mine, theirs, strict=False)))
        )
        return f"after {same} moves: {mine[same:]} and not {theirs[same:]}"
    if not isinstance(mine, dict):
        return "" if mine == theirs else f"{mine} and not {theirs}"
    expected = dict(theirs)
    if name == "statuses" and ATTENDANCE in mine:
        expected[ATTENDANCE] = frozenset({ReceiptStatus.APPLIED})
    if name == "marks":
        mine = {role: said for role, said in mine.items() if role != ATTENDANCE}
    unlike = [role for role in {**mine, **expected} if mine.get(role) != expected.get(role)]
    return ", ".join(
        f"{role}: {_told(mine.get(role))} and not {_told(expected.get(role))}" for role in unlike
    )


def _told(value: object) -> str:
    return "/".join(sorted(map(str, value))) if isinstance(value, frozenset) else str(value)
