"""Asks the real app whatever its own document allows, and what it forbids, as everybody."""

import base64
import hashlib
import hmac
import json
import random
import re
import time
from collections import Counter
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit
from uuid import uuid4

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from hypothesis.stateful import run_state_machine_as_test
from requests.auth import AuthBase
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.transport import Response
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.api.access_bodies import sending_of
from tests.api.access_house import ALLOWED, expected
from tests.api.access_table import TABLE
from tests.api.issuer import Issuer
from tests.api.partners import SECRETS
from tests.api.two_regions import CALLERS, Place, Who

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
"""Asked of every answer; that strangers are let in nowhere is looked at besides."""

NAMED_BY: dict[tuple[str, str, str], dict[str, str]] = {
    ("post", "/v1/journeys", "201"): {"journey_id": "/id", "person_ref": "/person_ref"},
    ("get", "/v1/journeys", "200"): {"journey_id": "/items/0/journey_id"},
    ("post", "/v1/cohorts", "202"): {"cohort_id": "/id"},
    ("get", "/v1/cohorts", "200"): {"cohort_id": "/items/0/id"},
    ("post", "/v1/events", "202"): {"event_id": "/receipt"},
    ("post", "/v1/event-files", "202"): {"file_id": "/id"},
    ("get", "/v1/quarantine", "200"): {"receipt": "/items/0/receipt"},
    ("post", "/v1/partners", "201"): {"partner_id": "/id"},
    ("get", "/v1/partners", "200"): {"partner_id": "/items/0/id"},
}
"""Where an answer names what other operations take in their path."""

STEPS = 12
"""Calls of one walk."""


class As(AuthBase):
    """Somebody who asks: puts her token, or her signature of the very body, on a request."""

    def __init__(self, who: Who, issuer: Issuer) -> None:
        self._who = who
        self._issuer = issuer

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        for name in ("Authorization", "webhook-id", "webhook-timestamp", "webhook-signature"):
            request.headers.pop(name, None)
        body = request.body or b""
        content = body.encode() if isinstance(body, str) else bytes(body)
        if self._who.signs:
            kind = parse_qs(urlsplit(request.url or "").query).get("kind", ["msg"])[0]
            request.headers.update(signature(self._who.partner, content, kind))
        else:
            token = self._who.headers(self._issuer, b"")
            request.headers.update(token)
        return request


def signature(partner: str, body: bytes, kind: str) -> dict[str, str]:
    """The headers by which a partner signs any bytes (Standard Webhooks); a file of a kind too."""
    named = kind if re.fullmatch(r"[a-z]{1,20}", kind) else "msg"
    message, moment = f"{named}/{uuid4().hex}", str(int(time.time()))
    key = base64.b64decode(SECRETS[partner][0].removeprefix("whsec_"))
    told = f"{message}.{moment}.".encode() + body
    mac = base64.b64encode(hmac.new(key, told, hashlib.sha256).digest()).decode()
    return {
        "webhook-id": message,
        "webhook-timestamp": moment,
        "webhook-signature": f"v1,{mac}",
    }


class Fuzzer:
    """Asks every operation of an app that is served.

    Args:
        document: its OpenAPI document.
        url: where it answers.
        place: what exists.
        seeded: the same seed asks the same.
    """

    def __init__(
        self,
        document: dict[str, Any],
        url: str,
        issuer: Issuer,
        place: Place,
        seeded: int,
    ) -> None:
        self.answered: Counter[tuple[str, int]] = Counter()
        """How often each operation was answered with each status."""
        self._schema = schemathesis.openapi.from_dict(linked(document))
        self._schema.config.update(base_url=url)
        self._issuer = issuer
        self._place = place
        self._seed = seeded
        self._session = requests.Session()

    def ask_each(self, examples: int, path: str | None = None) -> list[str]:
        """Ask each operation (of one path, where given); returns what was answered wrongly.

        Args:
            examples: how often each is asked, half with what the document allows and half with
                what it forbids.
            path: the only one to be asked.
        """
        wrong = []
        for result in self._schema.get_all_operations():
            operation = result.ok()
            if path not in (None, operation.path):
                continue
            for mode in GenerationMode:
                try:
                    self._ask_one(operation, mode, examples // 2)
                except Unsatisfiable:
                    continue  # it takes nothing that could be wrong
                except (Exception, BaseExceptionGroup) as fault:
                    wrong.append(f"{operation.label} ({mode}): {_told(fault)}")
        return wrong

    def _ask_one(self, operation: Any, mode: GenerationMode, examples: int) -> None:
        rule = TABLE[operation.method.upper(), operation.path]
        permitted = [who for who in CALLERS if expected(rule, who) == ALLOWED]

        @seed(self._seed)
        @settings(
            max_examples=max(examples, 1),
            phases=(Phase.generate,),
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(
            case=operation.as_strategy(generation_mode=mode),
            who=st.one_of(st.sampled_from(permitted), st.sampled_from(CALLERS)),
            exists=st.booleans(),
            change=st.none() | st.integers(0, 30),
        )
        def ask(case: Case, who: Who, exists: bool, change: int | None) -> None:
            if exists:
                there = {name: self._place.ids[name] for name in case.path_parameters or {}}
                case.path_parameters.update(there)
            if change is not None:
                self._make_nearly_good(case, who, change)
            answer = case.call(session=self._session, auth=As(who, self._issuer))
            self.answered[operation.label, answer.status_code] += 1
            case.validate_response(answer, checks=CHECKS)
            assert expected(rule, who) == ALLOWED or answer.status_code >= 400, who.name

        ask()

    def _make_nearly_good(self, case: Case, who: Who, change: int) -> None:
        """Give the case a body that is carried out, but for one field of the generated one."""
        operation = (case.method.upper(), case.operation.path)
        good = sending_of(operation, self._place, who)
        if not good.body:
            return
        case.media_type = good.media_type
        if good.query:
            case.query = dict(parse_qsl(good.query.removeprefix("?")))
            case.body = good.body.decode()
            return
        body, generated = json.loads(good.body), case.body
        if isinstance(generated, dict) and generated:
            name = sorted(generated)[change % len(generated)]
            if change % 3:
                body[name] = generated[name]
        case.body = body

    def walk(self, walks: int) -> list[str]:
        """Follow the links from one operation to the next; returns what was answered wrongly."""
        fuzzer = self

        class Walk(self._schema.as_state_machine()):  # type: ignore[misc]
            def get_call_kwargs(self, case: Case) -> dict[str, Any]:
                rule = TABLE[case.method.upper(), case.operation.path]
                permitted = [who for who in CALLERS if expected(rule, who) == ALLOWED]
                who = random.Random(repr(case.body)).choice(permitted)
                return {"auth": As(who, fuzzer._issuer), "session": fuzzer._session}

            def validate_response(self, response: Response, case: Case, **_: Any) -> None:
                fuzzer.answered[case.operation.label, response.status_code] += 1
                case.validate_response(response, checks=CHECKS)

        # One example a run: what an earlier one changed would make a replay go another way.
        once = settings(
            max_examples=1,
            stateful_step_count=STEPS,
            phases=(Phase.generate,),
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        wrong = []
        for walk in range(walks):
            try:
                run_state_machine_as_test(seed(self._seed + walk)(Walk), settings=once)
            except (Exception, BaseExceptionGroup) as fault:
                wrong.append(f"on walk {walk}: {_told(fault)}")
        return wrong


def _told(fault: BaseException) -> str:
    if isinstance(fault, BaseExceptionGroup):
        return "\n".join([str(fault), *(_told(each) for each in fault.exceptions)])
    return f"{type(fault).__name__}: {fault}"


def linked(document: dict[str, Any]) -> dict[str, Any]:
    """The document with a link from each answer that names something to whatever takes its name."""
    paths = document["paths"]
    for (method, path, status), named in NAMED_BY.items():
        links = paths[path][method]["responses"][status].setdefault("links", {})
        for taking, methods in paths.items():
            for operation in methods.values():
                for parameter, place in named.items():
                    if f"{{{parameter}}}" in taking:
                        links[operation["operationId"]] = {
                            "operationId": operation["operationId"],
                            "parameters": {parameter: f"$response.body#{place}"},
                        }
    return document
