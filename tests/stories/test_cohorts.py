"""Story 15: of a file of 50 rows three are wrong; 47 start, and the same file starts none."""

import asyncio
from typing import Any

import httpx

from tests.api.cohorts import CSV_HEADERS, a_csv, a_row
from tests.stories.house import House
from tests.stories.waiting import until


async def send(house: House, content: str) -> httpx.Response:
    headers = house.as_staff("44") | CSV_HEADERS
    return await house.door.post("/v1/cohorts", content=content.encode("gb18030"), headers=headers)


async def get(house: House, path: str) -> dict[str, Any]:
    answer = await house.door.get(path, headers=house.as_staff("44"))
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_of_fifty_rows_three_are_wrong_and_47_journeys_start_once(house: House) -> None:
    # A plan of this program waits for its approval, so that no journey ends meanwhile.
    rows = [a_row(program="demo-subsidized") for _ in range(50)]
    rows[9] |= {"id_number": rows[9]["id_number"][:-1]}
    rows[19] |= {"occupation": "9-99-99-99"}
    rows[48] |= {"home_region": "510107"}
    content = a_csv(rows)

    answer = await send(house, content)

    assert answer.status_code == 202
    cohort = answer.json()
    assert (cohort["rows"], cohort["refused"]) == (50, 3), "wrong rows show at once"
    address = cohort["links"]["self"]

    async def done() -> bool:
        return (await get(house, address))["state"] == "done"

    await until(done, "every row is settled")
    cohort = await get(house, address)
    assert (cohort["opened"], cohort["refused"], cohort["waiting"]) == (47, 3, 0)
    refused = (await get(house, cohort["links"]["refused"]))["items"]
    errors = [error for row in refused for error in row["errors"]]
    assert [(error["line"], error["field"]) for error in errors] == [
        (11, "id_number"),
        (21, "occupation"),
        (50, "home_region"),
    ]
    opened = (await get(house, f"{address}/rows?outcome=opened"))["items"]
    house.opened += [row["journey_id"] for row in opened]
    assert len({row["journey_id"] for row in opened}) == 47

    async def all_started() -> bool:
        cases = await asyncio.gather(
            *(get(house, f"/v1/journeys/{row['journey_id']}") for row in opened)
        )
        return all(case["sequence"] > 0 for case in cases)

    await until(all_started, "every journey runs")

    again = await send(house, content)

    assert (again.status_code, again.json()["id"]) == (200, cohort["id"])
    assert again.json()["opened"] == 47
    overlapping = (await send(house, a_csv(rows[:5]))).json()

    async def refused_too() -> bool:
        return (await get(house, overlapping["links"]["self"]))["state"] == "done"

    await until(refused_too, "the overlapping file is settled")
    told = (await get(house, overlapping["links"]["refused"]))["items"]
    assert [row["line"] for row in told] == [2, 3, 4, 5, 6]
    assert {error["rule"] for row in told for error in row["errors"]} == {
        "opening.one_open_journey"
    }
    first = {row["line"]: row["journey_id"] for row in opened}
    for row in told:
        assert first[row["line"]] in row["errors"][0]["message"]
