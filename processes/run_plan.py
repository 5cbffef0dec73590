"""What a run of `journeyman up` is asked for."""

import time
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class RunPlan:
    """How `up` runs.

    `demo` ends by itself, within `deadline_s` seconds of `began` (monotonic clock); `data` is the
    data folder where it is not the settings'; `trainees` loads only the first so many rows of the
    cohort.
    """

    demo: bool = False
    data: Path | None = None
    trainees: int | None = None
    deadline_s: float = 170.0
    began: float = field(default_factory=time.monotonic)
