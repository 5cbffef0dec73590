"""The report: tables on standard output, and one line of JSON at its end."""

import json
import traceback
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table

from domain.journal import ReceiptStatus
from tests.faults.harness.fleet import VICTIMS
from tests.faults.harness.proofs import Proof
from tests.faults.harness.seed import DRAINED_WITHIN, SeedResult

WIDTH = 140


@dataclass
class Report:
    """Everything that was run; `failures` are runs that did not come to an end."""

    seeds: list[SeedResult] = field(default_factory=list)
    proofs: list[Proof] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether every promise held."""
        drained = all(each.drain_seconds <= DRAINED_WITHIN for each in self.seeds)
        alike = all(each.verdict.good for each in self.seeds)
        return drained and alike and not self.failures and not any(p.broken for p in self.proofs)

    @asynccontextmanager
    async def failing(self, part: str) -> AsyncIterator[None]:
        """Keep why a part did not come to its end; the others are run all the same."""
        try:
            yield
        except Exception as failed:
            traceback.print_exc()
            self.failures.append(f"{part}: {type(failed).__name__}: {failed}")

    def show(self) -> None:
        """Print it all."""
        console = Console(width=WIDTH)
        if self.seeds:
            console.print(_seeds_table(self.seeds))
        for each in self.seeds:
            for words in each.verdict.words:
                console.print(f"seed {each.seed}: {words}", highlight=False, markup=False)
        if self.proofs:
            console.print(_proofs_table(self.proofs))
        for words in self.failures:
            console.print(words, style="red", highlight=False, markup=False)
        print(json.dumps(self.summary()), flush=True)

    def summary(self) -> dict[str, object]:
        """The JSON object: sums over the seeds, the longest drain."""
        statuses = sum((each.statuses for each in self.seeds), Counter[ReceiptStatus]())
        kills = sum((each.kills for each in self.seeds), Counter[str]())
        return {
            "sent": sum(each.sent for each in self.seeds),
            "acknowledged": sum(each.acknowledged for each in self.seeds),
            "refused": sum(each.refused for each in self.seeds),
            "applied": statuses[ReceiptStatus.APPLIED],
            "duplicates": statuses[ReceiptStatus.DUPLICATE],
            "quarantined": statuses[ReceiptStatus.QUARANTINED],
            "late": statuses[ReceiptStatus.LATE],
            "superseded": statuses[ReceiptStatus.SUPERSEDED],
            "conflict": statuses[ReceiptStatus.CONFLICT],
            "rejected": statuses[ReceiptStatus.REJECTED],
            "out_of_order": sum(each.out_of_order for each in self.seeds),
            "journeys": sum(each.journeys for each in self.seeds),
            "lost": sum(len(each.verdict.lost) for each in self.seeds),
            "doubled": sum(len(each.verdict.doubled) for each in self.seeds),
            "differing": sum(len(each.verdict.differing) for each in self.seeds),
            "kills": {name: kills[name] for name in VICTIMS},
            "drain_seconds": round(max((e.drain_seconds for e in self.seeds), default=0.0), 1),
            "seconds": round(sum(each.seconds for each in self.seeds), 1),
            "seeds": [each.seed for each in self.seeds],
            "promises": [
                {"promise": p.promise, "name": p.name, "figures": p.figures, "broken": p.broken}
                for p in self.proofs
            ],
            "failures": self.failures,
            "good": self.good,
        }


def _seeds_table(seeds: list[SeedResult]) -> Table:
    table = Table(title="Promise 1: nothing acknowledged is lost, nothing is applied twice")
    names = (
        *("seed", "sent", "acknowl.", "applied", "duplic.", "quarant.", "late", "supers."),
        *("early", "kills", "no answer", "5xx", "journeys", "lost", "doubled", "differ", "drain s"),
        "s",
    )
    for name in names:
        table.add_column(name, justify="right")
    for each in seeds:
        status = each.statuses
        table.add_row(
            *map(
                str,
                (
                    each.seed,
                    each.sent,
                    each.acknowledged,
                    status[ReceiptStatus.APPLIED],
                    status[ReceiptStatus.DUPLICATE],
                    status[ReceiptStatus.QUARANTINED],
                    status[ReceiptStatus.LATE],
                    status[ReceiptStatus.SUPERSEDED],
                    each.out_of_order,
                    each.kills.total(),
                    each.tries[0],
                    sum(number for code, number in each.tries.items() if code >= 500),
                    each.journeys,
                    len(each.verdict.lost),
                    len(each.verdict.doubled),
                    len(each.verdict.differing),
                    f"{each.drain_seconds:.1f}",
                    f"{each.seconds:.0f}",
                ),
            )
        )
    return table


def _proofs_table(proofs: list[Proof]) -> Table:
    table = Table(title="The other promises under fault")
    for name in ("promise", "what", "measured", "broken"):
        table.add_column(name)
    for proof in proofs:
        told = "\n".join(f"{name}: {value}" for name, value in proof.figures.items())
        table.add_row(str(proof.promise), proof.name, told, "\n".join(proof.broken) or "no")
    return table
