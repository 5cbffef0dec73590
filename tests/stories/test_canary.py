"""Promise 16: who somebody is stands nowhere in plain, wherever she was named and whoever looks.

Real processes on a data folder of their own. A canary's name and numbers are put wherever a member
of staff or a partner could put them; then every table, every history and, once all has stopped,
every byte of the folder is searched: logs, Temporal's database, PostgreSQL's files with its
write-ahead log, the sandbox's books.
"""

import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer

from domain.addresses import workflow_id_of
from domain.commands import Role
from domain.levels import SkillLevel
from domain.masking import WITHHELD
from domain.senders import SenderKind
from processes.worker_sandbox import journey_runner
from store.database import create_engine
from tests.api.cohorts import a_csv, a_row
from tests.api.people import a_journey
from tests.plain_traces import secrets_in, tables_with
from tests.stories.waiting import until
from tests.stories.whole_run import WholeRun, everything_running
from workflows.journey import Journey

NAME = "司徒金丝雀"
NUMBER = "440305199803070012"
PHONE = "13787654321"
OTHER_PHONE = "15987654321"
SPOKEN = "137 8765 4321"
FULL_WIDTH = "１３７８７６５４３２１"
SECRETS = (NAME, NUMBER, PHONE, OTHER_PHONE, SPOKEN, FULL_WIDTH)
TOLD = f"call {PHONE}, {SPOKEN} or {FULL_WIDTH}; id {NUMBER}"
"""What somebody writes who should not."""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A data folder that PostgreSQL's account can enter."""
    made = Path(tempfile.mkdtemp(prefix="journeyman-canary-"))
    made.chmod(0o711)
    yield made
    shutil.rmtree(made, ignore_errors=True)


async def a_named_journey(house: WholeRun) -> tuple[str, str]:
    """The canary's journey and her reference, opened with her numbers wherever they fit."""
    asked = a_journey(
        person={"name": NAME, "id_number": NUMBER, "phone": PHONE},
        groups=["veteran", "person_with_disability"],
        employer=PHONE,
        home_region="440305",
    )
    module = house.catalog.modules_for("4-02-06-01", SkillLevel.INTERMEDIATE)[0]
    asked["recognized_modules"] = [{"module": module.code, "source": TOLD[:400]}]
    answer = await house.post("/v1/journeys", asked, key=f"{PHONE}/{NUMBER}")
    assert answer.status_code == 201, answer.text
    return answer.json()["id"], answer.json()["person_ref"]


async def name_her_in_bad_requests(house: WholeRun, journey_id: str) -> None:
    """What is refused must not be remembered either."""
    bad = [
        ("/v1/journeys", a_journey(program=PHONE, home_region=NUMBER, **{NUMBER: TOLD})),
        ("/v1/journeys", a_journey(person={"name": [NAME], "id_number": PHONE, "phone": NAME})),
        (f"/v1/journeys/{journey_id}/hold", {"reason": TOLD, PHONE: NAME}),
        (f"/v1/journeys/{journey_id}/evidence", {"type": PHONE, "data": {NUMBER: TOLD}}),
        (f"/v1/persons/{PHONE}/reveal", {"fields": [NUMBER], "purpose": TOLD}),
        ("/v1/persons/find", {"id_number": PHONE, "phone": NAME}),
    ]
    for path, body in bad:
        answer = await house.post(path, body, key=PHONE)
        assert 400 <= answer.status_code < 500, (path, answer.text)
    for address in (
        f"/v1/journeys?region={NUMBER}&cursor={PHONE}",
        f"/v1/journeys/{NUMBER}",
        f"/v1/persons/{NUMBER}?phone={PHONE}",
        f"/v1/events/{PHONE}",
        f"/{PHONE}",
    ):
        headers = house.staff() | {"X-Request-Id": f"r-{PHONE}", "User-Agent": f"canary/{NUMBER}"}
        answer = await house.door.get(address, headers=headers)
        assert 400 <= answer.status_code < 500, (address, answer.text)


async def name_her_in_events(house: WholeRun, journey_id: str) -> None:
    """Free text, fields that there are not, a body that does not fit, an unknown subject."""
    decided = {"type": "journeyman.eligibility.decided.v1", "subject": journey_id, "note": TOLD}
    fitting = {"outcome": "eligible", "rule_ids": [TOLD], NUMBER: PHONE, "phone": int(PHONE)}
    events = [
        decided | {"data": fitting},
        decided | {"data": fitting, "subject": "jn_nobody"},
        decided | {"data": {"outcome": TOLD, PHONE: NUMBER}},
    ]
    for event in events:
        answer = await house.report(SenderKind.REGISTRY, event, message=f"msg-{PHONE}")
        assert answer.status_code == 202, answer.text
    offer = {"type": "journeyman.offer.declined.v1", "subject": journey_id}
    answer = await house.report(SenderKind.PROVIDER, offer | {"data": {"reason": TOLD}}, PHONE)
    assert 400 <= answer.status_code < 500, answer.text


async def name_her_in_a_cohort(house: WholeRun) -> None:
    rows = [
        a_row(name=NAME, id_number=NUMBER, phone=OTHER_PHONE, occupation="4-03-02-01"),
        a_row(program=PHONE, home_region=NUMBER, level=TOLD),
    ]
    answer = await house.door.post(
        "/v1/cohorts",
        params={"name": TOLD[:60]},
        content=a_csv(rows).encode(),
        headers=house.staff() | {"content-type": "text/csv", "Idempotency-Key": PHONE},
    )
    assert answer.status_code == 202, answer.text
    address = answer.headers["Location"]

    async def done() -> bool:
        cohort = (await house.door.get(address, headers=house.staff())).json()
        return bool(cohort["done_at"])

    await until(done, "the cohort is done")


async def close_naming_her(house: WholeRun, journey_id: str) -> None:
    for command in ("hold", "withdraw"):
        path = f"/v1/journeys/{journey_id}/{command}"

        async def taken(path: str = path, command: str = command) -> bool:
            answer = await house.post(path, {"reason": TOLD}, key=f"{command}-{PHONE}")
            assert answer.status_code == 200 or answer.json()["retryable"], answer.text
            return answer.status_code == 200

        await until(taken, f"{command} is taken")

    async def closed() -> bool:
        answer = await house.door.get(f"/v1/journeys/{journey_id}", headers=house.staff())
        return bool(answer.json()["stage"] == "closed")

    await until(closed, "the journey is closed")


async def look_at_and_erase_her(house: WholeRun, person_ref: str) -> None:
    found = await house.post("/v1/persons/find", {"phone": OTHER_PHONE})
    assert [person["person_ref"] for person in found.json()["items"]] == [person_ref], found.text
    asked = {"fields": ["name", "id_number", "phone"], "purpose": TOLD}
    shown = await house.post(f"/v1/persons/{person_ref}/reveal", asked)
    assert (shown.json()["name"], shown.json()["id_number"]) == (NAME, NUMBER)
    await house.post(f"/v1/persons/{person_ref}/erase", {"reason": TOLD}, role=Role.SUPERVISOR)


async def histories_of(house: WholeRun) -> list[WorkflowHistory]:
    return [
        await house.temporal.get_workflow_handle(found.id).fetch_history()
        async for found in house.temporal.list_workflows()
    ]


def files_with(secrets: Iterable[str], folder: Path) -> set[tuple[str, str]]:
    """File and secret, wherever a byte of the folder gives one away."""
    return {
        (str(file.relative_to(folder)), secret)
        for file in folder.rglob("*")
        if file.is_file() and "pginstall" not in file.parts
        for secret in secrets_in(file.read_bytes(), secrets)
    }


async def test_who_somebody_is_stands_nowhere_in_plain(folder: Path) -> None:
    async with everything_running(folder) as house:
        engine = create_engine(house.run.database_url)
        journey_id, person_ref = await a_named_journey(house)
        await name_her_in_bad_requests(house, journey_id)
        await name_her_in_events(house, journey_id)
        await close_naming_her(house, journey_id)
        await name_her_in_a_cohort(house)
        await look_at_and_erase_her(house, person_ref)

        assert await tables_with(engine, SECRETS) == set()
        histories = await histories_of(house)
        told = {history.workflow_id: history.to_json().encode() for history in histories}
        assert secrets_in(told[workflow_id_of(journey_id)], [WITHHELD]) == {WITHHELD}
        assert secrets_in(b"".join(told.values()), SECRETS) == set()
        await engine.dispose()
    settings = house.run.settings
    for where in (settings.logs_folder, settings.temporal_folder, settings.postgres_folder):
        assert files_with([journey_id], where), f"nothing would be found in {where}"
    assert files_with(SECRETS, folder) == set()


async def test_a_history_is_replayed_after_the_person_was_erased(folder: Path) -> None:
    async with everything_running(folder) as house:
        journey_id, person_ref = await a_named_journey(house)
        await close_naming_her(house, journey_id)
        before = await timeline(house, journey_id)
        for number in (1, 2):
            answer = await house.post(
                f"/v1/persons/{person_ref}/erase",
                {"reason": "her wish"},
                role=Role.SUPERVISOR,
                subject=f"supervisor-{number}",
            )
        assert answer.json()["status"] == "erased", answer.text

        shown = await house.door.get(f"/v1/persons/{person_ref}", headers=house.staff())
        assert (shown.json()["name"], shown.json()["groups"]) == (None, [])
        assert (await timeline(house, journey_id))[: len(before)] == before
        handle = house.temporal.get_workflow_handle(workflow_id_of(journey_id))
        replayer = Replayer(
            workflows=[Journey],
            workflow_runner=journey_runner(),
            data_converter=pydantic_data_converter,
        )
        replayed = await replayer.replay_workflow(await handle.fetch_history())
        assert replayed.replay_failure is None


async def timeline(house: WholeRun, journey_id: str) -> list[dict[str, Any]]:
    answer = await house.door.get(
        f"/v1/journeys/{journey_id}/timeline?limit=200", headers=house.staff()
    )
    lines: list[dict[str, Any]] = answer.json()["items"]
    return lines
