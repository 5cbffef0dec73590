"""The rules of a house under fault: the nation's, with calls that are tried again at once.

No deadline may pass while a killed process comes back, or a journey would rightly take another way
than the one it is compared with; so they are the nation's, in days.
"""

from pathlib import Path

from tests.policies.folders import DEMO, write

PROGRAM = "demo"
SUBSIDIZED = "demo-subsidized"
"""Its plans wait for a caseworker's approval."""

_CALLS = {"answer_within": "4 s", "retry_at_most_every": "1 s", "down_after": "60 min"}


_AT_ONCE = {"follow_ups": ["1 s", "2 s", "3 s"]}


def write_rules(folder: Path, *, sandbox: bool) -> Path:
    """Write the rules into a new folder; returns it.

    The `sandbox` partners confirm on the first day that a trainee still works there, so there the
    follow-up is a matter of seconds.
    """
    folder.mkdir()
    placement = {"placement": _AT_ONCE} if sandbox else {}
    return write(folder, demo={**DEMO, "calls": _CALLS, **placement})
