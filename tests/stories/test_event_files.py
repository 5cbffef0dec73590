"""A center's file of results moves its trainees on; a provider's file of attendance is counted."""

from typing import Any

import httpx

from tests.api.event_files import a_table, file_headers
from tests.stories.house import House
from tests.stories.partner import Partner
from tests.stories.trainee import Trainee
from tests.stories.waiting import until

COLUMNS = ("准考证号", "科目", "考试次数", "成绩", "满分")


async def awaiting_results(house: House) -> tuple[Trainee, Partner, str]:
    trainee = await house.open({"silent_from": "assessment.result"})
    await trainee.until_state("awaiting_results", "assessment.result")
    booking = await trainee.request("exam")
    return trainee, house.partner(booking["partner"]), booking["ref"]


async def send(partner: Partner, content: bytes, kind: str = "results") -> httpx.Response:
    return await partner.door.post(
        "/v1/event-files",
        content=content,
        params={"source": f"/partners/{partner.id}", "kind": kind},
        headers=file_headers(content, kind, partner.secret),
    )


async def until_read(partner: Partner, file: dict[str, Any]) -> dict[str, Any]:
    async def done() -> dict[str, Any] | None:
        answer = await partner.door.get(file["links"]["self"], headers=partner.headers)
        found: dict[str, Any] = answer.json()
        return found if found["state"] == "done" else None

    return await until(done, "every row is settled")


async def rows_of(partner: Partner, file: dict[str, Any]) -> list[dict[str, Any]]:
    answer = await partner.door.get(file["links"]["rows"], headers=partner.headers)
    rows: list[dict[str, Any]] = answer.json()["items"]
    return rows


def a_mark(booking: str, component: str, mark: str) -> dict[str, str]:
    return dict(zip(COLUMNS, (booking, component, "1", mark, "100"), strict=True))


async def test_a_file_of_results_moves_journeys_and_again_moves_none(house: House) -> None:
    trainee, center, booking = await awaiting_results(house)
    rows = [
        a_mark(booking, "理论", "71"),
        a_mark(booking, "实操", "abc"),
        a_mark(booking, "实操", "82"),
        a_mark(booking, "理论", "71"),
    ]
    content = a_table(rows).encode("gb18030")

    async with house.relay.resting():
        answer = await send(center, content)
        assert answer.status_code == 202, answer.text
        assert answer.json()["waiting"] == 4, "it is taken while nobody reads it"
    file = await until_read(center, answer.json())

    assert (file["sent"], file["repeated"], file["refused"]) == (2, 1, 1)
    await trainee.until_state("certificate_pending")
    told = await rows_of(center, file)
    assert [row["outcome"] for row in told] == ["sent", "refused", "sent", "repeated"]
    assert [(error["line"], error["field"]) for error in told[1]["errors"]] == [(3, "成绩")]
    for row in (told[0], told[2]):
        settled = await center.until_receipt(row["receipt"])
        assert (settled["status"], settled["event_id"]) == ("applied", row["event_id"])
    told = await rows_of(center, file)
    assert [row["status"] for row in told] == ["applied", None, "applied", "duplicate"]
    lines = await trainee.timeline()

    again = await send(center, content)
    exported = await send(center, a_table(rows[2:]).encode())

    assert (again.status_code, again.json()["id"]) == (200, file["id"])
    assert (await until_read(center, exported.json()))["repeated"] == 2
    assert await trainee.timeline() == lines, "nothing has changed"


async def test_a_corrected_row_corrects_what_it_names(house: House) -> None:
    trainee, center, booking = await awaiting_results(house)
    first = await until_read(
        center, (await send(center, a_table([a_mark(booking, "理论", "51")]).encode())).json()
    )
    [row] = await rows_of(center, first)
    await center.until_receipt(row["receipt"], "applied")
    rows = [
        a_mark(booking, "理论", "61") | {"更正事件编号": row["event_id"]},
        a_mark(booking, "实操", "82") | {"更正事件编号": ""},
    ]

    second = await until_read(center, (await send(center, a_table(rows).encode())).json())

    assert second["sent"] == 2
    await trainee.until_state("certificate_pending")
    assert (await center.until_receipt(row["receipt"], "superseded"))["superseded_by"]


async def test_a_row_about_nobody_waits_in_quarantine(house: House) -> None:
    center = house.partner("center-shenzhen-01")
    file = await until_read(
        center, (await send(center, a_table([a_mark("nobody-1", "理论", "60")]).encode())).json()
    )
    [row] = await rows_of(center, file)

    settled = await center.until_receipt(row["receipt"], "quarantined")

    assert settled["reason"] == "unknown_subject"
