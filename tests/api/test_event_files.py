"""Files of events at the door: taken at once, read row by row, the same file once."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from api.app import create_app
from api.dependencies import ApiDependencies, Limits
from processes.event_files import EventFileReader, FilePace
from tests.api.conftest import client_of
from tests.api.event_files import (
    CENTER,
    PROVIDER,
    a_result,
    a_table,
    file_headers,
    send,
)
from tests.api.issuer import Issuer
from tests.api.partners import SECRETS
from tests.vault import VAULT


@pytest.fixture
async def center(app: FastAPI, issuer: Issuer) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app, issuer.token("partner", partner=CENTER)) as client:
        yield client


@pytest.fixture
async def provider(app: FastAPI, issuer: Issuer) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app, issuer.token("partner", partner=PROVIDER)) as client:
        yield client


@pytest.fixture
async def operator(app: FastAPI, issuer: Issuer) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app, issuer.token("operator")) as client:
        yield client


async def read_all(engine: AsyncEngine) -> None:
    """Read every file to its end."""
    pace = FilePace(chunk=50, gives_way=timedelta())
    reader = EventFileReader(engine, VAULT, 8 * 1024, pace)
    while await reader.read_some():
        pass


async def rows_of(client: httpx.AsyncClient, file: dict[str, Any], **query: Any) -> list[Any]:
    answer = await client.get(file["links"]["rows"], params=query)
    assert answer.status_code == 200, answer.text
    items: list[Any] = answer.json()["items"]
    return items


async def shown(client: httpx.AsyncClient, file: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = (await client.get(file["links"]["self"])).json()
    assert found["rows"] == sum(
        found[name] for name in ("waiting", "sent", "repeated", "refused")
    ), "the counts add up"
    return found


async def test_a_file_is_taken_at_once_and_its_rows_become_events(
    app: FastAPI, center: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    answer = await send(app, a_table([a_result(), a_result(raw="many"), a_result()]))

    file = answer.json()
    assert answer.status_code == 202, answer.text
    assert answer.headers["Location"] == f"/v1/event-files/{file['id']}" == file["links"]["self"]
    assert file["id"].startswith("ef_")
    assert (file["state"], file["rows"], file["waiting"]) == ("received", 3, 3)
    assert await shown(center, file) == file

    await read_all(engine)

    done = await shown(center, file)
    assert (done["state"], done["sent"], done["refused"]) == ("done", 2, 1)
    assert (done["waiting"], done["progress"]) == (0, 1.0)
    rows = await rows_of(center, file)
    assert [(row["line"], row["outcome"]) for row in rows] == [
        (2, "sent"),
        (3, "refused"),
        (4, "sent"),
    ]
    receipt = (await center.get(f"/v1/events/{rows[0]['receipt']}")).json()
    assert receipt["event_id"] == rows[0]["event_id"]
    assert (receipt["type"], receipt["status"]) == (
        "journeyman.assessment.result.v1",
        rows[0]["status"],
    )
    assert (await center.get("/v1/event-files")).json()["items"] == [done]
    async with engine.connect() as connection:
        log = await connection.scalars(
            text("SELECT about FROM audit_log WHERE action = 'event_file.received'")
        )
        assert log.all() == [file["id"]]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
async def test_chinese_headers_and_values_are_understood(
    app: FastAPI, center: httpx.AsyncClient, engine: AsyncEngine, encoding: str
) -> None:
    table = (
        "准考证号,科目,成绩,满分,考试日期\n"
        "b-1,理论,71,100,2026/5/16\n"
        "b-1,实操,82,100,2026年5月17日\n"
    )
    await send(app, "booking_ref,component,raw,max,sat_at\nb-1,theory,71,100,2026-05-16\n")
    await read_all(engine)

    file = (await send(app, table.encode(encoding))).json()
    await read_all(engine)

    rows = await rows_of(center, file)
    assert [row["outcome"] for row in rows] == ["repeated", "sent"], "the words are the same row's"
    assert rows[0]["status"] == "duplicate"
    assert rows[0]["of"] is not None


async def test_attendance_comes_by_the_same_way(
    app: FastAPI, provider: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    table = "学员编号,周期,模块,计划学时,实到学时,方式\nenr-1,2026-05,,40,38.5,线上\n"
    file = (await send(app, table, "attendance", PROVIDER)).json()
    await read_all(engine)

    [row] = await rows_of(provider, file)
    assert row["outcome"] == "sent"
    assert (await shown(provider, file))["type"] == "journeyman.attendance.summary.v1"


async def test_each_wrong_row_is_told_by_line_column_rule_and_value(
    app: FastAPI, center: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    table = (
        "准考证号,科目,成绩,满分,更正事件编号\n"
        "b-1,theory,seventy,100,\n"
        "b-2,swimming,70,100,\n"
        "b-3,理论,110,100,\n"
        ",理论,70,100,\n"
        "b-5,理论,70\n"
        "两 字,理论,,0,\n"
    )
    file = (await send(app, table)).json()
    await read_all(engine)

    errors = [error for row in await rows_of(center, file) for error in row["errors"]]
    assert [(error["line"], error["field"], error["rule"]) for error in errors] == [
        (2, "成绩", "event.form"),
        (3, "科目", "event.form"),
        (4, "成绩", "event.form"),
        (5, "准考证号", "event.form"),
        (6, "", "file.cells"),
        (7, "满分", "event.form"),
        (7, "成绩", "event.form"),
    ]
    assert errors[0]["value"] == "seventy"
    table_of_errors = await center.get(file["links"]["rows"], headers={"accept": "text/csv"})
    assert table_of_errors.headers["content-type"].startswith("text/csv")
    lines = table_of_errors.text.splitlines()
    assert lines[0] == "line,field,rule,message,value"
    assert len(lines) == 1 + len(errors)
    assert len(await rows_of(center, file, outcome="sent")) == 0


async def test_all_errors_of_many_rows_come_in_one_table(
    app: FastAPI, center: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    file = (await send(app, a_table([a_result(raw="x") for _ in range(1100)]))).json()
    await read_all(engine)

    answer = await center.get(file["links"]["rows"], headers={"accept": "text/csv"})

    lines = answer.text.splitlines()
    assert [line.split(",")[0] for line in lines] == ["line", *map(str, range(2, 1102))]


async def test_the_same_file_again_is_the_same_file(app: FastAPI, engine: AsyncEngine) -> None:
    content = a_table([a_result(), a_result()])
    first = await send(app, content)
    again = await send(app, content)
    await read_all(engine)
    later = await send(app, content)

    assert [answer.status_code for answer in (first, again, later)] == [202, 200, 200]
    assert first.json()["id"] == again.json()["id"] == later.json()["id"]
    async with engine.connect() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM inbox")) == 2


async def test_the_same_row_in_another_file_is_a_repeat_and_a_correction_an_event(
    app: FastAPI, center: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    same = a_result(raw="71") | {"supersedes": ""}
    first = (await send(app, a_table([same, a_result() | {"supersedes": ""}]))).json()
    await read_all(engine)
    [before, _] = await rows_of(center, first)
    corrected = same | {"raw": "75", "supersedes": before["event_id"]}

    second = (await send(app, a_table([same | {"raw": "71.0"}, corrected, corrected]))).json()
    await read_all(engine)

    rows = await rows_of(center, second)
    assert [row["outcome"] for row in rows] == ["repeated", "sent", "repeated"]
    assert rows[0]["of"] == before["receipt"]
    assert rows[0]["event_id"] == before["event_id"] != rows[1]["event_id"]
    assert rows[2]["of"] == rows[1]["receipt"]


async def test_another_row_under_a_known_event_id_is_refused_with_the_first_receipt(
    app: FastAPI, center: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    row = a_result() | {"event_id": "mine-1"}
    file = (await send(app, a_table([row, row, row | {"raw": "99"}]))).json()
    await read_all(engine)

    rows = await rows_of(center, file)
    assert [each["outcome"] for each in rows] == ["sent", "repeated", "refused"]
    assert {each["event_id"] for each in rows} == {"mine-1"}
    assert rows[2]["of"] == rows[0]["receipt"]
    assert rows[2]["errors"][0]["rule"] == "event.one_body_an_id"


GOOD = "booking_ref,component,raw\nb-1,theory,70\n"


@pytest.mark.parametrize(
    ("content", "status", "told"),
    [
        (b"", 422, "the header lacks this column"),
        (GOOD.replace("raw", "mark"), 422, "there is no such column"),
        (GOOD.replace(",raw", "").replace(",70", ""), 422, "the header lacks this column"),
        (GOOD.replace("raw", "component"), 422, "the same as column 2"),
        (GOOD.replace("raw", "raw,成绩"), 422, "the same as column 3"),
        (GOOD.splitlines()[0], 422, "there is none"),
        (GOOD + "b-2,theory,70\n" * 3, 422, "at most 3"),
        (GOOD.encode() + b"b-2,\xff\xff,70\n", 400, "line 3, byte 45"),
        (GOOD.encode("utf-16"), 400, "UTF-16"),
        (GOOD + 'b-2,"theory"x,70\n', 400, "line 3"),
    ],
)
async def test_what_is_wrong_with_the_file_as_a_whole_refuses_it(
    deps: ApiDependencies, engine: AsyncEngine, content: str | bytes, status: int, told: str
) -> None:
    app = create_app(replace(deps, limits=Limits(file_rows=3)))

    answer = await send(app, content)

    assert answer.status_code == status, answer.text
    assert told in answer.text
    async with engine.connect() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM event_files")) == 0


async def test_a_file_over_the_limit_another_media_type_and_kind_are_refused(
    deps: ApiDependencies,
) -> None:
    app = create_app(replace(deps, limits=Limits(file_bytes=40)))
    raw = GOOD[:30].encode()
    headers = file_headers(raw, "results", SECRETS[CENTER][0])
    query = {"source": f"/partners/{CENTER}", "kind": "results"}
    async with client_of(app) as client:
        other = await client.post(
            "/v1/event-files",
            content=raw,
            params=query,
            headers=headers | {"content-type": "application/json"},
        )

    assert (await send(app, GOOD * 2)).status_code == 413
    assert other.status_code == 415
    unknown = await send(app, GOOD[:30], "moon")
    assert unknown.status_code == 422
    assert "results, attendance" in unknown.text


async def test_a_signature_is_good_for_its_body_source_and_kind_only(app: FastAPI) -> None:
    raw = GOOD.encode()
    headers = file_headers(raw, "results", SECRETS[CENTER][0])
    mine = f"/partners/{CENTER}"
    asked: list[tuple[bytes, dict[str, str]]] = [
        (raw + b"b-2,theory,1\n", {"source": mine, "kind": "results"}),
        (raw, {"source": mine, "kind": "attendance"}),
        (raw, {"source": mine, "kind": ""}),
        (raw, {"source": f"/partners/{PROVIDER}", "kind": "results"}),
        (raw, {"source": "/partners/nobody", "kind": "results"}),
        (raw, {"source": "\0", "kind": "results"}),
        (raw, {"kind": "results"}),
        (raw, {}),
    ]
    async with client_of(app) as client:
        for content, query in asked:
            answer = await client.post(
                "/v1/event-files", content=content, params=query, headers=headers
            )
            assert answer.status_code == 401, query


async def test_a_partner_that_does_not_send_such_events_is_told_and_it_is_logged(
    app: FastAPI, engine: AsyncEngine
) -> None:
    answer = await send(app, GOOD, "results", PROVIDER)

    assert (answer.status_code, answer.json()["code"]) == (403, "event_type_not_permitted")
    async with engine.connect() as connection:
        log = await connection.scalars(
            text("SELECT detail FROM audit_log WHERE action = 'event.type_refused'")
        )
        assert "assessment.result" in log.one()


async def test_another_partners_file_does_not_exist(
    app: FastAPI, center: httpx.AsyncClient, provider: httpx.AsyncClient
) -> None:
    file = (await send(app, GOOD)).json()
    for path in (file["links"]["self"], file["links"]["rows"]):
        hidden = await provider.get(path)
        missing = await provider.get(path.replace(file["id"], "ef_" + "0" * 32))
        assert hidden.status_code == missing.status_code == 404
        assert hidden.json()["detail"] == missing.json()["detail"]
    assert (await provider.get("/v1/event-files")).json()["items"] == []


async def test_a_partners_own_mapping_reads_its_own_columns(
    app: FastAPI, center: httpx.AsyncClient, operator: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    address = f"/v1/partners/{CENTER}/file-mappings/practical"
    mapping = {
        "type": "assessment.result",
        "columns": {"subject": "考号", "raw": ["得分", "score"], "sat_at": "日期"},
        "constants": {"component": "practical", "max": 60},
        "formats": {"sat_at": "%d.%m.%Y"},
    }

    written = await operator.put(address, json=mapping, headers={"Idempotency-Key": "m-1"})
    again = await operator.put(address, json=mapping, headers={"Idempotency-Key": "m-1"})

    assert (written.status_code, again.json()) == (200, written.json()), written.text
    assert (await operator.get(address)).json() == written.json()
    listed = await operator.get(f"/v1/partners/{CENTER}/file-mappings")
    assert list(listed.json()["items"]) == ["practical"]
    file = (await send(app, "考号,score,日期\nb-1,50,17.05.2026\nb-2,61,x\n", "practical")).json()
    taken = await operator.delete(address)
    assert (taken.status_code, taken.json()["items"]) == (200, {})
    assert (await operator.delete(address)).status_code == 404
    assert (await operator.get(address)).status_code == 404
    await read_all(engine)
    rows = await rows_of(center, file)
    assert [row["outcome"] for row in rows] == ["sent", "refused"], "it is read as it came"
    assert {error["field"] for error in rows[1]["errors"]} == {"score", "日期"}
    assert (await send(app, "考号,score\nb-1,50\n", "practical")).status_code == 422


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"type": "moon.landed"}, "type"),
        ({"type": "attendance.summary"}, "columns.component"),
        ({"columns": {"raw": "成绩", "component": "科目"}}, "columns.subject"),
        ({"columns": {"subject": "考号", "component": "科目"}}, "columns.raw"),
        ({"columns": {"subject": "a", "raw": "a", "component": "c"}}, "columns.raw"),
        ({"constants": {"max": 0}}, "constants.max"),
        ({"constants": {"moon": 1}}, "constants.moon"),
        ({"constants": {"raw": 1}}, "constants.raw"),
        ({"values": {"component": {"理": "moon"}}}, "values.component.理"),
        ({"values": {"max": {"a": "1"}}}, "values.max"),
        ({"formats": {"raw": "%Y/%m/%d"}}, "formats.raw"),
        ({"formats": {"sat_at": "%Y/%m/%d"}}, "formats.sat_at"),
        ({"separator": ";"}, "separator"),
    ],
)
async def test_a_mapping_that_can_not_be_used_is_told_where(
    operator: httpx.AsyncClient, change: dict[str, object], field: str
) -> None:
    mapping: dict[str, object] = {
        "type": "assessment.result",
        "columns": {"subject": "考号", "raw": "成绩", "component": "科目"},
    }
    answer = await operator.put(f"/v1/partners/{CENTER}/file-mappings/mine", json=mapping | change)

    assert answer.status_code == 422
    assert field in [error["field"] for error in answer.json()["errors"]], answer.text


async def test_a_mapping_for_what_a_partner_does_not_send_is_refused(
    operator: httpx.AsyncClient,
) -> None:
    address = f"/v1/partners/{PROVIDER}/file-mappings/mine"
    columns = {"subject": "考号", "raw": "成绩", "component": "科目"}
    answer = await operator.put(address, json={"type": "assessment.result", "columns": columns})

    assert [error["field"] for error in answer.json()["errors"]] == ["type"]
    nowhere = await operator.get("/v1/partners/nobody/file-mappings")
    assert nowhere.status_code == 404


async def test_nothing_personal_of_a_refused_row_is_kept_or_told(
    app: FastAPI, center: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    number, name = "440305199901010015", "欧阳春梅"
    rows = [a_result(component=number), a_result(raw=name), a_result(booking_ref=name)]
    file = (await send(app, a_table(rows))).json()
    await read_all(engine)

    assert (await shown(center, file))["refused"] == 3
    told = (await center.get(file["links"]["rows"])).text
    async with engine.connect() as connection:
        for table in ("event_files", "event_file_rows", "audit_log"):
            kept = await connection.scalar(text(f"SELECT string_agg(t::text, ',') FROM {table} t"))
            assert number not in f"{kept}{told}"
            assert name not in f"{kept}{told}"
        assert await connection.scalar(text("SELECT count(sealed) FROM event_files")) == 0


async def test_lists_go_page_by_page(
    app: FastAPI, center: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    sent = [(await send(app, a_table([a_result()]))).json()["id"] for _ in range(3)]
    found: list[str] = []
    query: dict[str, Any] = {"limit": 2}
    while True:
        page = (await center.get("/v1/event-files", params=query)).json()
        found += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert found == sent[::-1]
    for path in ("/v1/event-files", f"/v1/event-files/{sent[0]}/rows"):
        assert (await center.get(path, params={"cursor": "moon"})).status_code == 422


async def test_a_file_counts_as_one_request(deps: ApiDependencies) -> None:
    limits = Limits(partner_events_per_second=1.0)
    app = create_app(replace(deps, limits=limits, monotonic=lambda: 0.0))
    rows = a_table([a_result() for _ in range(2000)])

    assert (await send(app, rows)).status_code == 202


_CELLS = st.lists(st.text(max_size=12), min_size=2, max_size=4).map(",".join)
_GARBAGE = st.one_of(
    st.binary(max_size=200),
    st.text(max_size=200).map(lambda said: said.encode("utf-8", "surrogatepass")),
    st.lists(_CELLS, min_size=1, max_size=6).map(
        lambda rows: "\n".join(("booking_ref,component,raw", *rows)).encode(
            "utf-8", "surrogatepass"
        )
    ),
    st.binary(max_size=60).map(lambda said: GOOD.encode() + said),
)


async def test_whatever_a_partner_sends_is_read_or_refused_and_counts_add_up(
    app: FastAPI, center: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    loop = asyncio.get_running_loop()

    async def one(content: bytes) -> None:
        answer = await send(app, content)
        assert answer.status_code in (200, 202, 400, 422), answer.text
        if answer.status_code == 202:
            file = answer.json()
            await read_all(engine)
            done = await shown(center, file)
            assert done["state"] == "done"
            rows = await rows_of(center, file, limit=200)
            assert len(rows) == done["rows"]
            assert all((row["outcome"] == "refused") == bool(row["errors"]) for row in rows)

    @settings(
        max_examples=60,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(content=_GARBAGE)
    def each(content: bytes) -> None:
        asyncio.run_coroutine_threadsafe(one(content), loop).result(30)

    await asyncio.to_thread(each)
