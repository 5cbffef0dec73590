"""Reads the demo's script: who of the cohort meets with what, and what happens to the partners."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from domain.model import Ref, Word
from domain.stages import Pathway, State, StuckCause
from partners.requests import Service
from partners.sandbox.scripts import TraineeScript
from policies.reading import PolicyError, Problem, problems_of, read_mapping
from processes.demo.cohort import CohortRow

SCRIPT_FILE = Path(__file__).parent / "script.yaml"


class Part(Word):
    """What happens to some trainees, named as in the cohort's file.

    `sandbox` tells the partners, `withdraws_in` the demo's caseworker: in that state the trainee
    withdraws. `tells` is the part in words.
    """

    tells: str
    sandbox: TraineeScript = TraineeScript()
    withdraws_in: State | None = None
    trainees: Annotated[tuple[str, ...], Field(min_length=1)]


class Outage(Word):
    """A service is down for so many seconds once a share of the cohort has come to placement."""

    service: Service
    begins_at_share: Annotated[float, Field(gt=0, lt=1)]
    seconds: Annotated[float, Field(gt=0, le=120)]


class DemoScript(Word):
    """The whole script.

    `settings` holds for the run's processes where the environment says nothing. Journeys that wait
    for a partner of `silent` stay stuck for `stays`, the only cause that is left at the end.
    """

    settings: dict[str, float]
    silent: tuple[Ref, ...]
    stays: StuckCause
    outage: Outage
    parts: dict[str, Part]

    def environment(self) -> dict[str, str]:
        """`settings` as environment variables."""
        return {f"JOURNEYMAN_{name.upper()}": f"{value:g}" for name, value in self.settings.items()}

    def part_of(self, row: CohortRow) -> str | None:
        """The name of a trainee's part; None for one to whom nothing special happens."""
        return next((name for name, part in self.parts.items() if row.name in part.trainees), None)

    def told_about(self, row: CohortRow) -> TraineeScript:
        """What the sandbox is told about a trainee; an employee's employer promotes her."""
        part = self.part_of(row)
        told = self.parts[part].sandbox if part else TraineeScript()
        if row.pathway is Pathway.IN_SERVICE:
            return told.model_copy(update={"promotion": True, "employer": row.employer})
        return told


def read_script(path: Path = SCRIPT_FILE) -> DemoScript:
    """The script of a file.

    Raises:
        PolicyError: naming file, dotted key and value of everything that is wrong.
    """
    data, problems = read_mapping(path)
    try:
        script = DemoScript.model_validate(data)
    except ValidationError as error:
        raise PolicyError(problems + problems_of(error, lambda _: path.name)) from None
    seen: dict[str, str] = {}
    for name, part in script.parts.items():
        for trainee in part.trainees:
            if (first := seen.setdefault(trainee, name)) != name:
                reason = f"has the part {first} already"
                key = f"parts.{name}.trainees"
                problems.append(Problem(file=path.name, key=key, value=trainee, reason=reason))
    if problems:
        raise PolicyError(problems)
    return script
