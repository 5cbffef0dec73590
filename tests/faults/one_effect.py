"""What promise 5 says of a journey that went the whole way."""

from collections import Counter

from partners.requests import Service
from tests.stories.moves import FROM_NEED_TO_JOB, moves_in
from tests.stories.trainee import Trainee

CALLED: tuple[Service, ...] = ("enrollment", "exam", "placement")
"""The services that take something on, each once on the way from need to job."""


async def one_effect_each(trainee: Trainee) -> dict[str, int]:
    """Each key had one effect at its partner, each service one request; arrivals by service."""
    rows = await trainee.requests()
    assert {row["effects"] for row in rows} == {1}
    assert Counter(row["service"] for row in rows) == dict.fromkeys(("registry", *CALLED), 1)
    return {row["service"]: row["arrivals"] for row in rows}


async def goes_the_whole_way(trainee: Trainee) -> None:
    assert await trainee.until_closed() == "retained"
    assert moves_in(await trainee.timeline()) == FROM_NEED_TO_JOB
