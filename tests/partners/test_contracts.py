"""The written contracts are valid, the sandbox keeps them, and they say what the clients send."""

import re
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from domain.levels import SkillLevel
from domain.model import Word
from domain.plan import Component
from partners.requests import SERVICES, BookSitting, CheckEligibility, MakeReferral
from partners.requests import RequestEnrollment as Enroll
from tests.partners import asks
from tests.partners.running import Sandbox

ROOM = Path(__file__).parents[2] / "partners"
CREATES: list[tuple[str, str, Word]] = [
    ("registry", "/checks", asks.check()),
    ("enrollment", "/requests", asks.enrollment()),
    ("exam", "/bookings", asks.booking()),
    ("placement", "/referrals", asks.referral()),
]
CANCELABLE = CREATES[1:]


def contract(service: str) -> dict[str, Any]:
    return dict(yaml.safe_load((ROOM / service / "openapi.yaml").read_text()))


def resolved(document: dict[str, Any], node: Any) -> Any:
    """A node with its references put in, so that jsonschema needs no base."""
    if isinstance(node, list):
        return [resolved(document, item) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        found: Any = document
        for part in node["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        return resolved(document, found)
    return {name: resolved(document, item) for name, item in node.items()}


def operation(service: str, method: str, path: str) -> Any:
    document = contract(service)
    for template, item in document["paths"].items():
        pattern = re.sub(r"\{\w+\}", "[^/]+", template)
        if re.fullmatch(pattern, path) and method in item:
            return resolved(document, item[method])
    raise AssertionError(f"the {service} contract has no {method} {path}")


def assert_keeps(service: str, method: str, path: str, answer: httpx.Response) -> None:
    responses = operation(service, method, path)["responses"]
    assert str(answer.status_code) in responses, f"{path}: {answer.status_code} is not documented"
    content = responses[str(answer.status_code)]["content"]
    assert answer.headers["content-type"] in content
    schema = content[answer.headers["content-type"]]["schema"]
    Draft202012Validator(schema).validate(answer.json())


async def send(running: Sandbox, service: str, path: str, body: Any, key: str) -> httpx.Response:
    answer = await running.control.post(
        f"/{service}{path}", json=body, headers={"idempotency-key": key}
    )
    assert_keeps(service, "post", path, answer)
    return answer


def body_of(request: Word) -> dict[str, Any]:
    return request.model_dump(mode="json", exclude={"idempotency_key"})


@pytest.mark.parametrize("service", SERVICES)
def test_a_contract_is_a_valid_openapi_document(service: str) -> None:
    document = contract(service)
    validate(document)
    assert document["openapi"].startswith("3.1")


@pytest.mark.parametrize(("service", "path", "request_"), CREATES)
def test_a_contract_describes_exactly_what_its_client_sends(
    service: str, path: str, request_: Word
) -> None:
    body = operation(service, "post", path)["requestBody"]["content"]["application/json"]["schema"]
    Draft202012Validator(body).validate(body_of(request_))
    assert set(body["properties"]) == set(body_of(request_)) == set(body["required"])


def test_the_contracts_know_every_level_and_component() -> None:
    for service in ("registry", "enrollment", "exam"):
        levels = contract(service)["components"]["schemas"]["SkillLevel"]["enum"]
        assert levels == list(SkillLevel)
    booking = contract("exam")["components"]["schemas"]["Booking"]
    assert booking["properties"]["components"]["items"]["enum"] == list(Component)


@pytest.mark.parametrize(("service", "path", "request_"), CREATES)
async def test_answers_to_a_request_keep_the_contract(
    running: Sandbox,
    service: str,
    path: str,
    request_: CheckEligibility | Enroll | BookSitting | MakeReferral,
) -> None:
    key, body = asks.again(request_).idempotency_key, body_of(request_)
    statuses = [
        (await send(running, service, path, body, key)).status_code,
        (await send(running, service, path, body, key)).status_code,
        (await send(running, service, path, {**body, "partner": "other"}, key)).status_code,
        (await send(running, service, path, {**body, "surprise": 1}, key)).status_code,
        (await send(running, service, path, {**body, "pad": "x" * 70_000}, key)).status_code,
        (await send(running, service, path, [], key)).status_code,
    ]
    assert statuses == [201, 200, 422, 422, 413, 422]
    await running.tell(f"services/{service}", down=True)
    assert (await send(running, service, path, body, key)).status_code == 503


@pytest.mark.parametrize(("service", "path", "request_"), CREATES)
async def test_a_broken_body_or_a_missing_key_gets_a_documented_problem(
    running: Sandbox, service: str, path: str, request_: Word
) -> None:
    keyless = await running.control.post(f"/{service}{path}", json=body_of(request_))
    broken = await running.control.post(
        f"/{service}{path}", content=b"{", headers={"idempotency-key": "broken"}
    )
    for answer in (keyless, broken):
        assert_keeps(service, "post", path, answer)
    assert [keyless.json()["code"], broken.json()["code"]] == [
        "idempotency_key_missing",
        "not_json",
    ]


@pytest.mark.parametrize(("service", "path", "request_"), CANCELABLE)
async def test_looking_up_and_canceling_keep_the_contract(
    running: Sandbox, service: str, path: str, request_: Enroll | BookSitting | MakeReferral
) -> None:
    fresh = asks.again(request_)
    body, partner = body_of(fresh), fresh.partner
    ref = (await send(running, service, path, body, fresh.idempotency_key)).json()["ref"]
    cancel = {"partner": partner, "reason": "withdrew"}
    statuses = []
    for target in (ref, ref, "no-such-ref"):
        asked = await running.control.get(f"/{service}{path}/{target}?partner={partner}")
        assert_keeps(service, "get", f"{path}/{target}", asked)
        key = f"cancel-{asks.again(fresh).idempotency_key}"
        told = await send(running, service, f"{path}/{target}/cancel", cancel, key)
        statuses += [asked.status_code, told.status_code]
    assert statuses == [200, 200, 200, 200, 404, 404]


async def test_vacancies_keep_the_contract(running: Sandbox) -> None:
    query = {"partner": "jobs-sz", "occupation": "6-18-01-01", "region": "440305"}
    found = await running.control.get("/placement/vacancies", params=query)
    assert_keeps("placement", "get", "/vacancies", found)
    assert found.json()["vacancies"]
    incomplete = await running.control.get("/placement/vacancies", params={"partner": "jobs-sz"})
    assert_keeps("placement", "get", "/vacancies", incomplete)
    assert incomplete.status_code == 422
