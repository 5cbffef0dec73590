"""How a check says that something is not as it must be."""


class NotFine(Exception):
    """What was found, and what to do about it."""

    def __init__(self, found: str, advice: str) -> None:
        self.found = found
        self.advice = advice
        super().__init__(f"{found}: {advice}")


class Idle(NotFine):
    """It does not run now, and that is in order."""


class Broken(NotFine):
    """It will not work like this."""


START = "`journeyman up` starts it"


def not_started(subject: str) -> Idle:
    """A part of the embedded run, which does not run now."""
    return Idle(f"no embedded {subject} is running", START)
