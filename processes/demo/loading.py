"""Loads the cohort through the HTTP API, once for each data folder, and tells the sandbox."""

import asyncio
from pathlib import Path

import httpx
from pydantic import TypeAdapter

from domain.commands import Role
from domain.model import Word
from processes.commands.asking import ANSWER_WITHIN, answer_of
from processes.demo.cohort import CohortRow
from processes.demo.script import DemoScript
from processes.embedded_run import EmbeddedRun

AT_ONCE = 8
PROVINCE_DIGITS = 2


class Cast(Word):
    """A trainee of the demo, known by opaque references; `part` of the script, if any."""

    journey_id: str
    person_ref: str
    province: str
    part: str | None


_CAST = TypeAdapter(tuple[Cast, ...])


def cast_file(run: EmbeddedRun) -> Path:
    """Where a data folder keeps the demo's cast; it is there once the cohort is loaded."""
    return run.settings.data_folder / "demo" / "cast.json"


async def load_cohort(
    run: EmbeddedRun, rows: list[CohortRow], script: DemoScript
) -> tuple[tuple[Cast, ...], bool]:
    """Open each trainee's journey, and tell the sandbox what happens to her.

    A cohort that was loaded before is left as it is; one that was loaded in part is completed, by
    the same Idempotency-Key for each row. Returns the cast, and whether it was loaded now.

    Raises:
        CommandFailed: the API or the sandbox refuses a row.
    """
    file = cast_file(run)
    if file.exists():
        return _CAST.validate_json(file.read_bytes()), False
    gate = asyncio.Semaphore(AT_ONCE)
    async with (
        httpx.AsyncClient(
            base_url=run.settings.api_url, timeout=ANSWER_WITHIN, trust_env=False
        ) as api,
        httpx.AsyncClient(
            base_url=run.sandbox_url, timeout=ANSWER_WITHIN, trust_env=False
        ) as sandbox,
    ):
        for partner in script.silent:
            answer_of(await sandbox.put(f"/control/partners/{partner}", json={"silent": True}))
        tokens = {
            province: caseworker_token(run, province)
            for province in {row.home_region[:PROVINCE_DIGITS] for row in rows}
        }

        async def load(number: int, row: CohortRow) -> Cast:
            province = row.home_region[:PROVINCE_DIGITS]
            headers = {
                "Authorization": f"Bearer {tokens[province]}",
                "Idempotency-Key": f"cohort-{number}",
            }
            async with gate:
                opened = answer_of(
                    await api.post("/v1/journeys", json=row.request(), headers=headers)
                )
                person_ref = str(opened["person_ref"])
                told = script.told_about(row).model_dump(mode="json", exclude_defaults=True)
                answer_of(await sandbox.put(f"/control/trainees/{person_ref}", json=told))
            return Cast(
                journey_id=str(opened["id"]),
                person_ref=person_ref,
                province=province,
                part=script.part_of(row),
            )

        cast = tuple(
            await asyncio.gather(*(load(number, row) for number, row in enumerate(rows, start=1)))
        )
    file.parent.mkdir(parents=True, exist_ok=True)
    half_made = file.with_suffix(".making")
    half_made.write_bytes(_CAST.dump_json(cast))
    half_made.replace(file)
    return cast, True


def caseworker_token(run: EmbeddedRun, province: str) -> str:
    """A bearer token of the demo's caseworker in a province."""
    return run.issuer.issue_token(
        Role.CASEWORKER, subject=f"demo-caseworker-{province}", region=province
    )
