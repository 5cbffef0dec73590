"""Alive, able to work, and in which figures: for operators and their machines, without a token."""

from collections.abc import Awaitable
from typing import Literal

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel
from sqlalchemy import text

from api.database import transaction
from api.dependencies import ApiDependencies, Deps
from api.journeys_client import JourneysUnavailable
from api.metrics import Metrics
from api.problems import RETRY_AFTER_SECONDS, Unavailable
from store.caseload import counts

router = APIRouter(tags=["operators"])

_ASK = text("SELECT 1")


class Dependency(BaseModel):
    """One thing that the app needs, and what is wrong with it where it is not `ok`."""

    name: Literal["postgresql", "temporal", "issuer"]
    ok: bool
    wrong: str | None = None


class Readiness(BaseModel):
    """Whether the app can work; it takes events and starts while only `temporal` is away."""

    ready: bool
    dependencies: list[Dependency]


@router.get("/healthz", response_class=PlainTextResponse, summary="The process is alive")
async def healthz() -> str:
    """Asks nobody else."""
    return "ok"


@router.get(
    "/readyz",
    response_model=Readiness,
    responses={503: {"model": Readiness, "description": "Something is away; it is named"}},
    summary="Each dependency, and what is wrong with it",
)
async def readyz(deps: Deps, response: Response) -> Readiness:
    """Asks each dependency."""
    found = [
        await _look("postgresql", _database(deps)),
        await _look("temporal", deps.journeys.check()),
        await _look("issuer", deps.tokens.check()),
    ]
    ready = all(dependency.ok for dependency in found)
    if not ready:
        response.status_code = 503
        response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return Readiness(ready=ready, dependencies=found)


@router.get("/metrics", response_class=PlainTextResponse, summary="Figures for Prometheus")
async def metrics(request: Request, deps: Deps) -> Response:
    """The caseload's figures are left as they were while PostgreSQL is away."""
    figures: Metrics = request.app.state.metrics
    try:
        async with transaction(deps.engine, deps.limits.database_answer) as connection:
            counted = await counts(connection)
        figures.caseload(counted.stages, counted.stuck)
    except Unavailable:
        pass
    return Response(figures.render(), media_type=CONTENT_TYPE_LATEST)


async def _database(deps: ApiDependencies) -> None:
    async with transaction(deps.engine, deps.limits.database_answer) as connection:
        await connection.execute(_ASK)


async def _look(
    name: Literal["postgresql", "temporal", "issuer"], check: Awaitable[None]
) -> Dependency:
    try:
        await check
    except Unavailable as away:
        return Dependency(name=name, ok=False, wrong=away.detail)
    except JourneysUnavailable as away:
        return Dependency(name=name, ok=False, wrong=str(away))
    return Dependency(name=name, ok=True)
