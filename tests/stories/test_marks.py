"""Stories 6 and 7: what follows from marks, and what a later journey keeps of them."""

from tests.stories.house import House


async def test_only_the_failed_component_is_sat_again(house: House) -> None:
    trainee = await house.open({"marks": [{"theory": 58, "practical": 75}, {"theory": 60}]})

    assert await trainee.until_closed() == "retained"

    assert await trainee.sat() == [(1, "theory", 58), (1, "practical", 75), (2, "theory", 60)]
    kinds = await trainee.kinds()
    assert (kinds.count("resit_granted"), kinds.count("assessment_passed")) == (1, 1)
    assert len(await trainee.requests("enrollment")) == 1


async def test_a_third_failure_exhausts_and_a_later_journey_keeps_what_was_passed(
    house: House,
) -> None:
    trainee = await house.open(
        {"marks": [{"theory": 51, "practical": 70}, {"theory": 55}, {"theory": 57}]}
    )

    assert await trainee.until_closed() == "exhausted"

    assert await trainee.sat() == [
        (1, "theory", 51),
        (1, "practical", 70),
        (2, "theory", 55),
        (3, "theory", 57),
    ]
    kinds = await trainee.kinds()
    assert (kinds.count("resit_granted"), kinds.count("retraining_ordered")) == (1, 1)
    assert len(await trainee.requests("enrollment")) == 2

    again = await house.open(person=None, person_ref=trainee.person_ref)

    assert await again.until_closed() == "retained"
    assert (await again.case())["previous_journey"] == trainee.id
    assert await again.sat() == [(1, "theory", 78)]
