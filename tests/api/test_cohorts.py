"""Cohorts at the door: taken at once, wrong rows refused each by itself, the same file once."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from api.app import create_app
from api.dependencies import ApiDependencies, Limits
from tests.api.cohorts import CSV_HEADERS, a_csv, a_row
from tests.api.conftest import client_of
from tests.api.issuer import Issuer
from tests.api.people import a_journey, a_person


async def send(
    client: httpx.AsyncClient, content: str | bytes, key: str | None = None
) -> httpx.Response:
    headers = CSV_HEADERS | ({"Idempotency-Key": key} if key else {})
    return await client.post("/v1/cohorts", content=content, headers=headers)


async def errors_of(client: httpx.AsyncClient, cohort: dict[str, Any]) -> list[dict[str, Any]]:
    answer = await client.get(cohort["links"]["refused"])
    assert answer.status_code == 200, answer.text
    return [error for row in answer.json()["items"] for error in row["errors"]]


def adds_up(cohort: dict[str, Any]) -> bool:
    counts = ("waiting", "opened", "refused", "canceled")
    return bool(cohort["rows"] == sum(cohort[name] for name in counts))


async def test_a_file_is_taken_at_once_with_its_wrong_rows_counted(
    caseworker: httpx.AsyncClient,
) -> None:
    rows = [a_row(), a_row(level="grandmaster"), a_row(home_region="510101"), a_row()]

    answer = await send(caseworker, a_csv(rows))

    cohort = answer.json()
    assert answer.status_code == 202, answer.text
    assert answer.headers["Location"] == f"/v1/cohorts/{cohort['id']}" == cohort["links"]["self"]
    assert cohort["id"].startswith("co_")
    assert (cohort["rows"], cohort["waiting"], cohort["refused"]) == (4, 2, 2)
    assert cohort["state"] == "received"
    assert (await caseworker.get(cohort["links"]["self"])).json() == cohort


async def test_each_wrong_row_is_told_by_line_field_rule_and_value(
    caseworker: httpx.AsyncClient,
) -> None:
    same = a_row()
    rows = [
        same,
        a_row(level="grandmaster", occupation="9-99-99-99"),
        a_row(home_region="510107"),
        a_row(pathway="apprenticeship"),
        a_row(occupation="9-99-99-99", program="moon"),
        a_row(program="skills-initiative-2025", years_of_service="many"),
        same | {"phone": "15400009999"},
        a_row(employer="two words"),
    ]

    cohort = (await send(caseworker, a_csv(rows))).json()

    told = [
        (error["line"], error["field"], error["rule"], error["value"])
        for error in await errors_of(caseworker, cohort)
    ]
    assert told == [
        (3, "level", "opening.form", "grandmaster"),
        (4, "home_region", "opening.own_region", "510107"),
        (5, "pathway", "opening.pathway_offered", "apprenticeship"),
        (6, "program", "opening.catalog", "moon"),
        (6, "occupation", "opening.catalog", "9-99-99-99"),
        (7, "years_of_service", "opening.form", "many"),
        (8, "", "cohort.one_row_a_journey", None),
        (9, "employer", "opening.form", None),
    ]


async def test_a_repeated_row_points_to_the_first_line(caseworker: httpx.AsyncClient) -> None:
    same = a_row()
    cohort = (await send(caseworker, a_csv([a_row(), same, a_row(), same]))).json()

    [error] = await errors_of(caseworker, cohort)
    assert error["line"] == 5
    assert "line 3" in error["message"]


@pytest.mark.parametrize(
    "row",
    [
        {"id_number": "440305199901010019"},
        {"phone": "call me at noon"},
        {"name": "很" * 101},
        {"program": "440305199901010015"},
        {"vacancy_ref": "欧阳春梅", "level": "欧阳春梅"},
        {"employer": "+86 139 1380 0138"},
        {"level": "13913800138"},
    ],
)
async def test_no_personal_value_is_kept_or_told_whatever_column_it_stands_in(
    caseworker: httpx.AsyncClient, engine: AsyncEngine, row: dict[str, str]
) -> None:
    cohort = (await send(caseworker, a_csv([a_row(**row)]))).json()

    assert cohort["refused"] == 1
    async with engine.connect() as connection:
        kept = await connection.scalar(text("SELECT string_agg(r::text, ',') FROM cohort_rows r"))
    rows = (await caseworker.get(cohort["links"]["rows"])).text
    table = await caseworker.get(cohort["links"]["rows"], headers={"accept": "text/csv"})
    for value in row.values():
        assert value not in str(kept)
        assert value not in rows
        assert value not in table.text


async def test_good_rows_lie_sealed_and_wrong_ones_not_at_all(
    caseworker: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    good, wrong = a_row(name="欧阳春梅"), a_row(name="尉迟晨曦", level="x")
    await send(caseworker, a_csv([good, wrong]))

    async with engine.connect() as connection:
        rows = (
            await connection.execute(text("SELECT outcome, sealed FROM cohort_rows ORDER BY line"))
        ).all()
    assert [row.outcome for row in rows] == ["waiting", "refused"]
    assert rows[0].sealed is not None
    assert "欧阳春梅".encode() not in rows[0].sealed
    assert good["id_number"].encode() not in rows[0].sealed
    assert rows[1].sealed is None


async def test_the_same_file_again_is_the_same_cohort_whatever_the_key(
    caseworker: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    content = a_csv([a_row(), a_row()])

    first = await send(caseworker, content, "key-1")
    again = [await send(caseworker, content, key) for key in (None, "key-2")]
    same_key = await send(caseworker, content, "key-1")

    assert first.status_code == 202
    assert [answer.status_code for answer in again] == [200, 200]
    assert {answer.json()["id"] for answer in again} == {first.json()["id"]}
    assert (same_key.status_code, same_key.text) == (202, first.text)
    assert same_key.headers["Location"] == first.headers["Location"]
    async with engine.connect() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM cohort_rows")) == 2
        told = await connection.scalar(
            text("SELECT count(*) FROM audit_log WHERE action = 'cohort.received'")
        )
    assert told == 1


async def test_the_same_file_from_eight_at_once_is_one_cohort(
    caseworker: httpx.AsyncClient,
) -> None:
    content = a_csv([a_row(), a_row()])
    answers = await asyncio.gather(*(send(caseworker, content) for _ in range(8)))

    assert sorted(answer.status_code for answer in answers) == [*[200] * 7, 202]
    assert len({answer.json()["id"] for answer in answers}) == 1


async def test_a_cohort_of_another_region_does_not_exist(
    deps: ApiDependencies, issuer: Issuer
) -> None:
    app = create_app(deps)
    content = a_csv([a_row(home_region="440304")])
    async with (
        client_of(app, issuer.token("caseworker", region="4403")) as city,
        client_of(app, issuer.token("supervisor", region="44")) as province,
        client_of(app, issuer.token("auditor", region="44")) as auditor,
        client_of(app, issuer.token("caseworker", region="440305")) as district,
        client_of(app, issuer.token("caseworker", region="51")) as elsewhere,
    ):
        cohort = (await send(city, content)).json()
        address = cohort["links"]["self"]
        unknown = await district.get("/v1/cohorts/co_" + "0" * 32)
        assert unknown.status_code == 404
        for stranger in (district, elsewhere):
            for path in (address, f"{address}/rows"):
                answer = await stranger.get(path)
                assert answer.status_code == 404
                assert answer.json()["detail"] == unknown.json()["detail"]
            assert (await stranger.post(f"{address}/cancel", json={})).status_code == 404
            assert (await stranger.get("/v1/cohorts")).json()["items"] == []
        for sees in (city, province, auditor):
            listed = (await sees.get("/v1/cohorts")).json()["items"]
            assert [each["id"] for each in listed] == [cohort["id"]]
            assert (await sees.get(f"{address}/rows")).status_code == 200
        own = await send(province, content)
        assert own.status_code == 202, "the same bytes from another region are another cohort"
        assert own.json()["id"] != cohort["id"]


async def test_json_rows_are_the_bodies_of_openings(caseworker: httpx.AsyncClient) -> None:
    rows = [a_journey(), a_journey(person=a_person(phone="x")), "no journey", {"我": 1}]
    answer = await caseworker.post("/v1/cohorts", json={"name": "Spring", "rows": rows})

    cohort = answer.json()
    assert answer.status_code == 202, answer.text
    assert (cohort["name"], cohort["rows"], cohort["waiting"]) == ("Spring", 4, 1)
    told = {(error["line"], error["field"]) for error in await errors_of(caseworker, cohort)}
    assert told >= {(2, "person.phone"), (3, ""), (4, "program")}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
async def test_a_file_of_a_chinese_table_is_read(
    caseworker: httpx.AsyncClient, encoding: str
) -> None:
    names = {
        "姓名": "name",
        "身份证号": "id_number",
        "手机号": "phone",
        "培训项目": "program",
        "职业代码": "occupation",
        "技能等级": "level",
        "路径": "pathway",
        "户籍地区": "home_region",
        "人员类别": "groups",
    }
    rows = [a_row(name="欧阳春梅", groups="unemployed；older_worker") for _ in range(3)]
    content = a_csv(
        [{chinese: row[name] for chinese, name in names.items()} for row in rows], tuple(names)
    )

    answer = await send(caseworker, content.encode(encoding))

    assert answer.status_code == 202, answer.text
    assert answer.json()["waiting"] == 3, await errors_of(caseworker, answer.json())


@pytest.mark.parametrize(
    ("content", "status", "told"),
    [
        (b"", 422, "the header lacks this column"),
        (a_csv([]), 422, "there is none"),
        (a_csv([a_row()]).replace("phone", "telephone"), 422, "line 1, column 3"),
        (a_csv([a_row()]).replace("groups", "name"), 422, "the same as column 1"),
        (a_csv([a_row()]).replace("groups", ""), 422, "column 11"),
        (a_csv([a_row()]).encode("utf-16"), 400, "UTF-16"),
        (a_csv([a_row()]).encode() + b"\xff\xff\n", 400, "line 3, byte"),
        ((a_csv([a_row(name="欧阳春梅")]) + "\n").encode() + b"\xe6\xb1", 400, "line 4, byte"),
        (a_csv([a_row()]) + '"open quote', 400, "line 3"),
    ],
)
async def test_a_file_that_is_wrong_as_a_whole_is_refused_by_line_and_column(
    caseworker: httpx.AsyncClient, content: str | bytes, status: int, told: str
) -> None:
    answer = await send(caseworker, content)

    assert answer.status_code == status, answer.text
    assert told in answer.text
    assert (await caseworker.get("/v1/cohorts")).json()["items"] == []


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({}, 422, "rows"),
        ({"rows": []}, 422, "rows"),
        ({"rows": "x"}, 422, "rows"),
        ({"rows": [{}], "name": 7}, 422, "name"),
        ({"rows": [{}], "name": "n" * 101}, 422, "name"),
        ({"rows": [{}], "surprise": 1}, 422, "surprise"),
        ([], 400, None),
    ],
)
async def test_json_that_is_no_cohort_is_refused(
    caseworker: httpx.AsyncClient, body: object, status: int, field: str | None
) -> None:
    answer = await caseworker.post("/v1/cohorts", json=body)

    assert answer.status_code == status
    named: Sequence[object] = [error["field"] for error in answer.json().get("errors", [])]
    assert field is None or field in named


async def test_a_row_of_another_length_is_refused_by_itself(caseworker: httpx.AsyncClient) -> None:
    cohort = (await send(caseworker, a_csv([a_row()]) + "a,b\n")).json()

    assert (cohort["waiting"], cohort["refused"]) == (1, 1)
    [error] = await errors_of(caseworker, cohort)
    assert (error["line"], error["rule"]) == (3, "file.cells")
    assert "2 cells" in error["message"]


async def test_lines_are_those_of_the_file_whatever_its_cells_and_line_ends_hold(
    caseworker: httpx.AsyncClient,
) -> None:
    content = a_csv([a_row(name="欧阳\n春梅"), a_row(level="x")]).replace("\n", "\r\n")
    cohort = (await send(caseworker, "\r\n" + content + "\r\n,,\r\n")).json()

    assert cohort["rows"] == 2
    assert [error["line"] for error in await errors_of(caseworker, cohort)] == [5]


async def test_limits_are_told(deps: ApiDependencies, issuer: Issuer) -> None:
    small = replace(deps, limits=Limits(cohort_rows=3, cohort_bytes=2000))
    async with client_of(create_app(small), issuer.token("caseworker", region="44")) as client:
        many = await send(client, a_csv([a_row() for _ in range(4)]))
        long = await send(client, a_csv([a_row()]) + "," * 2000)
        other = await client.post("/v1/cohorts", content=b"x", headers={"content-type": "a/b"})

    assert many.status_code == 422
    assert "at most 3" in many.text
    assert long.status_code == 413
    assert other.status_code == 415


async def test_rows_are_paged_by_line_and_filtered_by_outcome(
    caseworker: httpx.AsyncClient,
) -> None:
    rows = [a_row(level="x") if number % 3 == 0 else a_row() for number in range(25)]
    cohort = (await send(caseworker, a_csv(rows))).json()

    lines: list[int] = []
    query: dict[str, str | int] = {"limit": 4, "outcome": "waiting"}
    while True:
        page = (await caseworker.get(cohort["links"]["rows"], params=query)).json()
        lines += [row["line"] for row in page["items"]]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert lines == [number + 2 for number in range(25) if number % 3]
    wrong = await caseworker.get(cohort["links"]["rows"], params={"cursor": "nonsense"})
    assert wrong.status_code == 422
    assert (
        await caseworker.get(cohort["links"]["rows"], params={"outcome": "lost"})
    ).status_code == 422


async def test_cohorts_are_listed_newest_first(caseworker: httpx.AsyncClient) -> None:
    sent = [(await send(caseworker, a_csv([a_row()]))).json()["id"] for _ in range(5)]

    first = (await caseworker.get("/v1/cohorts", params={"limit": 3})).json()
    second = (
        await caseworker.get("/v1/cohorts", params={"limit": 3, "cursor": first["next_cursor"]})
    ).json()

    assert [each["id"] for each in first["items"] + second["items"]] == sent[::-1]
    assert second["next_cursor"] is None


async def test_what_is_wrong_with_refused_rows_comes_as_a_table(
    caseworker: httpx.AsyncClient,
) -> None:
    rows = [a_row(level="=x"), a_row(), a_row(program="moon", job_region="99")]
    cohort = (await send(caseworker, a_csv(rows))).json()

    answer = await caseworker.get(cohort["links"]["rows"], headers={"accept": "text/csv"})

    assert answer.headers["content-type"].startswith("text/csv")
    table = answer.text.splitlines()
    assert table[0] == "line,field,rule,message,value"
    assert [line.split(",")[:2] for line in table[1:]] == [
        ["2", "level"],
        ["4", "program"],
        ["4", "job_region"],
    ]
    assert table[1].endswith(",'=x"), "no spreadsheet takes it for a formula"


async def test_what_waits_can_be_canceled_once(
    caseworker: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    cohort = (await send(caseworker, a_csv([a_row(), a_row(level="x"), a_row()]))).json()
    address = f"{cohort['links']['self']}/cancel"

    first = await caseworker.post(address, json={"reason": "the wrong file"})
    again = await caseworker.post(address)

    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json() == again.json()
    assert (first.json()["canceled"], first.json()["state"]) == (2, "done")
    assert adds_up(first.json())
    async with engine.connect() as connection:
        sealed = await connection.scalar(text("SELECT count(sealed) FROM cohort_rows"))
        told = await connection.scalar(
            text("SELECT count(*) FROM audit_log WHERE action = 'cohort.canceled'")
        )
    assert (sealed, told) == (0, 1)


async def test_a_program_outside_its_dates_is_told_by_its_rule(
    deps: ApiDependencies, issuer: Issuer
) -> None:
    late = replace(deps, clock=lambda: datetime(2027, 12, 31, 16, 0, tzinfo=UTC))
    async with client_of(create_app(late), issuer.token("caseworker", region="44")) as client:
        row = a_row(program="skills-initiative-2025")
        cohort = (await send(client, a_csv([row]))).json()
        [error] = await errors_of(client, cohort)

    assert (error["field"], error["rule"]) == ("program", "opening.program_dates")


_HEADER = ",".join(a_row())
_GARBAGE = st.one_of(
    st.binary(max_size=300),
    st.text(max_size=300).map(lambda rest: f"{_HEADER}\n{rest}".encode("utf-8", "replace")),
    st.lists(st.lists(st.text(max_size=12), min_size=9, max_size=10).map(",".join), max_size=6).map(
        lambda rows: "\n".join([_HEADER, *rows]).encode("gb18030", "replace")
    ),
)


@settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(content=_GARBAGE)
async def test_any_garbage_is_a_4xx_or_row_errors_that_add_up(
    caseworker: httpx.AsyncClient, content: bytes
) -> None:
    answer = await send(caseworker, content)

    assert answer.status_code < 500
    if answer.is_success:
        cohort = answer.json()
        assert adds_up(cohort)
        refused = await errors_of(caseworker, cohort)
        assert {error["line"] for error in refused} or not cohort["refused"]
    else:
        assert answer.headers["content-type"] == "application/problem+json"
