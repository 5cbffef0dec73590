"""Stories 1 to 5: the whole way, and what it leaves out or goes on in spite of."""

from itertools import pairwise
from uuid import uuid4

from domain.levels import SkillLevel
from policies.loader import load_catalog
from tests.api.people import a_journey, a_person
from tests.stories.house import House
from tests.stories.moves import (
    ASSESSMENT,
    FROM_NEED_TO_JOB,
    PLACEMENT,
    PROMOTION,
    TO_TRAINING,
    TRAINING,
    moves_in,
)

EMPLOYER = "employer-tianyu-electronics"


async def test_a_trainee_is_retained_and_her_timeline_tells_who_did_what_when_and_what_was_next(
    house: House,
) -> None:
    trainee = await house.open(years_of_service=6)

    assert await trainee.until_closed() == "retained"

    lines = await trainee.timeline()
    assert moves_in(lines) == FROM_NEED_TO_JOB
    assert [line["sequence"] for line in lines] == list(range(1, len(lines) + 1))
    assert [line["at"] for line in lines] == sorted(line["at"] for line in lines)
    assert all(line["by"] and line["role"] and line["next"] for line in lines)
    assert all(above["state"] == line["before"] for above, line in pairwise(lines))
    told = [line for line in lines if line["role"] == "partner"]
    assert told, "partners were heard"
    for line in told:
        receipt = await house.partner(line["by"]).receipt(line["receipt"])
        assert receipt["status"] == "applied", line


async def test_the_same_start_twice_is_one_journey(house: House) -> None:
    body, key = a_journey(years_of_service=6), uuid4().hex
    first = await house.post_journey(body, key)
    again = await house.post_journey(body, key)
    changed = await house.post_journey(body | {"level": "junior"}, key)

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert again.headers["Location"] == first.headers["Location"]
    assert changed.status_code == 422
    trainee = house.trainee(first.json(), region="4403")
    assert await trainee.until_closed() == "retained"
    assert moves_in(await trainee.timeline()) == FROM_NEED_TO_JOB
    listed = await house.door.get("/v1/journeys", headers=house.as_staff("4403"))
    mine = [case for case in listed.json()["items"] if case["person_ref"] == trainee.person_ref]
    assert [case["journey_id"] for case in mine] == [trainee.id]
    asked = await trainee.requests("registry")
    assert [(row["arrivals"], row["effects"]) for row in asked] == [(1, 1)]


async def test_an_employee_is_promoted_and_never_referred(house: House) -> None:
    trainee = await house.open(
        {"promotion": True, "employer": EMPLOYER}, pathway="in_service", employer=EMPLOYER
    )

    assert await trainee.until_closed() == "promoted"

    way = (*TO_TRAINING, *TRAINING, *ASSESSMENT, *PROMOTION)
    assert moves_in(await trainee.timeline()) == way
    assert await trainee.requests("placement") == []
    assert await trainee.events("promotion.confirmed") != []


async def test_earlier_learning_that_covers_every_module_leads_straight_to_assessment(
    house: House,
) -> None:
    required = load_catalog().modules_for("4-02-06-01", SkillLevel.INTERMEDIATE)
    trainee = await house.open(
        recognized_modules=[{"module": module.code, "source": "diploma"} for module in required]
    )

    assert await trainee.until_closed() == "retained"

    way = (*TO_TRAINING, ("learning_recognized", "recognized"), *ASSESSMENT, *PLACEMENT)
    assert moves_in(await trainee.timeline()) == way
    assert await trainee.requests("enrollment") == []
    assert len(await trainee.requests("exam")) == 1


async def test_missing_years_of_service_warn_and_the_journey_goes_on(house: House) -> None:
    trainee = await house.open(years_of_service=1)

    assert await trainee.until_closed() == "retained"

    lines = await trainee.timeline()
    assert [line["detail"] for line in lines if line["kind"] == "warned"] == [
        "1 years of service; level intermediate asks for 5"
    ]
    assert moves_in(lines) == FROM_NEED_TO_JOB


async def test_a_second_open_journey_is_refused_and_names_the_first(house: House) -> None:
    person = a_person()
    first = await house.post_journey(a_journey(person=person))
    second = await house.post_journey(a_journey(person=person))

    assert second.status_code == 409
    assert second.json()["journey_id"] == first.json()["id"]
