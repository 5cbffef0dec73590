"""What a part of the run gives: its figures, and what it found broken."""

from dataclasses import dataclass, field


@dataclass
class Proof:
    """One promise under fault; `broken` says in words what did not hold."""

    promise: int
    name: str
    figures: dict[str, object] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)

    def expect(self, holds: bool, otherwise: str) -> None:
        """Keep what is broken where it does not hold."""
        if not holds:
            self.broken.append(otherwise)
