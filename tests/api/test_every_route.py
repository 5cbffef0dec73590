"""Guards over all routes at once: authenticated, documented, refused in the same form."""

import asyncio

import httpx
import pytest
from fastapi import FastAPI
from openapi_spec_validator import validate
from starlette.routing import Route

from api.app import create_app
from api.dependencies import ApiDependencies
from domain.commands import COMMANDS
from tests.api.conftest import client_of
from tests.api.issuer import Issuer

OPEN = {
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/metrics"),
    ("GET", "/openapi.json"),
    ("GET", "/v1/asyncapi.json"),
}
"""What everybody may ask."""

SIGNED = {("POST", "/v1/events")}
"""What a signature opens instead of a token."""

JOURNEY = "jn_" + "0" * 32


def routes_of(app: FastAPI) -> set[tuple[str, str]]:
    return {
        (method.upper(), path)
        for path, methods in app.openapi()["paths"].items()
        for method in methods
    } | {("GET", "/openapi.json")}


def address(path: str) -> str:
    return path.replace("{journey_id}", JOURNEY).replace("{event_id}", "rc_1")


def test_the_document_holds_every_route_of_the_app(app: FastAPI) -> None:
    served: set[tuple[str, str]] = set()
    waiting = list(app.router.routes)
    while waiting:
        route = waiting.pop()
        if isinstance(route, Route):
            served |= {(method, route.path) for method in route.methods or () if method != "HEAD"}
        elif hasattr(route, "original_router"):
            waiting += route.original_router.routes
        else:
            pytest.fail(f"a route that this test does not know: {route!r}")

    assert {path for _, path in served} >= {"/openapi.json"}
    assert len(served) == len(routes_of(app))


async def test_every_route_asks_who_is_calling(app: FastAPI) -> None:
    async with client_of(app) as client:
        for method, path in sorted(routes_of(app) - OPEN):
            answer = await client.request(method, address(path))

            assert answer.status_code == 401, (method, path)
            assert "WWW-Authenticate" in answer.headers


async def test_a_stranger_is_told_nothing_about_her_body(stranger: httpx.AsyncClient) -> None:
    answer = await stranger.post(
        "/v1/journeys", content=b"{", headers={"content-type": "application/json"}
    )

    assert answer.status_code == 401


def test_every_command_of_the_domain_has_a_route(app: FastAPI) -> None:
    names = {str(kind.model_fields["name"].default) for kind in COMMANDS}

    assert {("POST", f"/v1/journeys/{{journey_id}}/{name}") for name in names} <= routes_of(app)


def test_the_document_is_valid_openapi_and_names_every_problem(app: FastAPI) -> None:
    document = app.openapi()

    validate(document)
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if (method.upper(), path) in OPEN:
                continue
            answers = operation["responses"]
            assert {"401", "500", "503"} <= answers.keys(), (method, path)
            for status, described in answers.items():
                if int(status) >= 400:
                    assert "application/problem+json" in described["content"], (path, status)
            if method == "post":
                assert operation["requestBody"]["content"], path
                assert {"400", "413", "415", "422"} <= answers.keys(), path


def test_no_body_in_the_document_holds_a_commands_name(app: FastAPI) -> None:
    schemas = app.openapi()["components"]["schemas"]

    assert all("name" not in schemas[kind.__name__]["properties"] for kind in COMMANDS)


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("GET", "/v1/journeys/", 404, "not_found"),
        ("GET", "/docs", 404, "not_found"),
        ("DELETE", "/v1/journeys", 405, "method_not_allowed"),
        ("DELETE", "/v1/events", 405, "method_not_allowed"),
        ("PUT", "/healthz", 405, "method_not_allowed"),
    ],
)
async def test_a_wrong_address_or_method_is_a_problem_too(
    caseworker: httpx.AsyncClient, method: str, path: str, status: int, code: str
) -> None:
    answer = await caseworker.request(method, path)

    problem = answer.json()
    assert answer.status_code == problem["status"] == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["code"] == code
    assert problem["type"] == f"urn:journeyman:problem:{code}"
    assert problem["instance"] == answer.headers["X-Request-Id"]
    assert {"title", "detail", "retryable"} <= problem.keys()


async def test_a_fault_of_ours_is_a_problem_without_its_words(
    deps: ApiDependencies, issuer: Issuer
) -> None:
    app = create_app(deps)

    @app.get("/broken")
    async def broken() -> None:
        await asyncio.sleep(0)
        raise RuntimeError("id number 440305199901010015")

    async with client_of(app) as client:
        answer = await client.get("/broken", headers={"X-Request-Id": "r-1"})

    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["instance"] == "r-1" == answer.headers["X-Request-Id"]
    assert "440305" not in answer.text
