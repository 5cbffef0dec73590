"""Story 18: a journey of another district is not there, in the words for one that never was."""

from typing import Any

from tests.stories.house import House

UNKNOWN = "jn_" + "0" * 32
OWN, OTHER = "440305", "440306"


async def told(house: House, region: str, path: str, role: str = "caseworker") -> dict[str, Any]:
    headers = house.as_staff(region, role) | {"X-Request-Id": "the-same"}
    answer = await house.door.get(path, headers=headers)
    apart = {"date"}
    return {
        "status": answer.status_code,
        "headers": {name: value for name, value in answer.headers.items() if name not in apart},
        "body": answer.text,
    }


async def test_a_journey_of_another_district_is_not_there_in_the_same_words(house: House) -> None:
    lists = ("/v1/journeys", "/v1/journeys?open=true", "/v1/events", "/v1/events/counts")
    exports = ("/v1/audit", "/v1/audit/export?format=csv")
    before = [await told(house, OTHER, path) for path in lists]
    audited = [await told(house, OTHER, path, "auditor") for path in exports]

    trainee = await house.open({"silent_from": "assessment.result"}, home_region=OWN)
    await trainee.until_state("awaiting_results", "assessment.result")

    for path in ("/v1/journeys/{}", "/v1/journeys/{}/timeline"):
        assert (await told(house, OWN, path.format(trainee.id)))["status"] == 200
        hidden = await told(house, OTHER, path.format(trainee.id))
        missing = await told(house, OTHER, path.format(UNKNOWN))
        assert hidden == missing
        assert hidden["status"] == 404
    for asked in (trainee.id, UNKNOWN):
        answer = await house.door.post(
            f"/v1/journeys/{asked}/hold",
            json={"reason": "in hospital"},
            headers=house.as_staff(OTHER),
        )
        assert answer.status_code == 404
        assert answer.json()["detail"] == "there is no such journey"
    assert [await told(house, OTHER, path) for path in lists] == before
    assert [await told(house, OTHER, path, "auditor") for path in exports] == audited
    assert trainee.id in (await told(house, OWN, "/v1/journeys"))["body"]
