"""No input crashes the interface: generated requests to every operation, as everybody.

No 5xx, nothing that the OpenAPI document does not name, and strangers are let in nowhere.
"""

import asyncio
import os
from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI, HTTPException
from sqlalchemy.ext.asyncio import AsyncEngine

from api.dependencies import AnyCaller, ApiDependencies, Reader
from api.tokens import Caller
from domain.commands import Role
from tests.api.access_house import unhurried
from tests.api.issuer import Issuer
from tests.api.test_matrix import guard_of
from tests.api.two_regions import DISTRICT, SENDER, fill
from tests.fuzz.asking import Fuzzer
from tests.partners.running import serving

SEED = int(os.environ.get("FUZZ_SEED", "20260302"))


@pytest.fixture
def app(deps: ApiDependencies) -> FastAPI:
    return unhurried(deps)


@pytest.fixture
async def fuzzer(app: FastAPI, engine: AsyncEngine, issuer: Issuer) -> AsyncIterator[Fuzzer]:
    place = await fill(app, engine, issuer, DISTRICT, SENDER)
    async with serving(app) as url:
        yield Fuzzer(app.openapi(), url, issuer, place, SEED)


@pytest.mark.parametrize(
    ("examples", "walks"),
    [pytest.param(6, 6, id="short"), pytest.param(200, 200, id="long", marks=pytest.mark.slow)],
)
async def test_no_input_crashes_it(fuzzer: Fuzzer, examples: int, walks: int) -> None:
    wrong = await asyncio.to_thread(fuzzer.ask_each, examples)
    wrong += await asyncio.to_thread(fuzzer.walk, walks)

    assert not wrong, "\n\n".join(wrong)


async def _answers_what_nobody_expects(_: AnyCaller) -> Caller:
    raise HTTPException(418)


async def _lets_everybody_in() -> Caller:
    return Caller(subject="anybody", role=Role.CASEWORKER, region=DISTRICT)


async def test_an_answer_that_the_document_does_not_name_is_found(
    app: FastAPI, fuzzer: Fuzzer
) -> None:
    app.dependency_overrides[guard_of(Reader)] = _answers_what_nobody_expects

    (wrong, *_) = await asyncio.to_thread(fuzzer.ask_each, 8, "/v1/journeys")

    assert "Undocumented status code" in wrong


async def test_a_door_that_stands_open_is_found(app: FastAPI, fuzzer: Fuzzer) -> None:
    app.dependency_overrides[guard_of(AnyCaller)] = _lets_everybody_in

    assert await asyncio.to_thread(fuzzer.ask_each, 20, "/v1/journeys")
