"""Invented trainees for measurements: no two alike, each on the standard `job` journey."""

from itertools import count

from pydantic import JsonValue

from api.identity import check_character

REGION = "440305"
PROGRAM = "demo-subsidized"
"""Plans need approval; follow-up checks are due within seconds, so that a journey ends at once."""
OCCUPATION = "6-18-01-07"
LEVEL = "intermediate"
"""Assessed in theory and practice."""

_numbers = count(1)


def next_opening() -> dict[str, JsonValue]:
    """The body of `POST /v1/journeys` for a trainee who was not there before."""
    number = next(_numbers)
    born = f"{1960 + number // 336 % 45}{1 + number // 28 % 12:02}{1 + number % 28:02}"
    first_17 = f"{REGION}{born}{number // 15_120 % 1000:03}"
    return {
        "person": {
            "name": f"学员{number}",
            "id_number": first_17 + check_character(first_17),
            "phone": f"154{number:08}",
        },
        "program": PROGRAM,
        "occupation": {"scheme": "gbm", "code": OCCUPATION},
        "level": LEVEL,
        "pathway": "job",
        "home_region": REGION,
    }
