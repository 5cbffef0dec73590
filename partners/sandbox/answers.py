"""Answers of the sandbox over HTTP: JSON, and problems (RFC 9457) with a code and a sentence."""

import orjson
from pydantic import ValidationError
from starlette.responses import Response

from domain.model import Word, bounded


class Problem(Exception):
    """A request that gets a problem instead of what it asked for."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail


def answer(status: int, body: Word) -> Response:
    """A word as JSON."""
    return Response(body.model_dump_json(), status_code=status, media_type="application/json")


def answer_json(body: object) -> Response:
    """Plain values as JSON."""
    return Response(orjson.dumps(body), media_type="application/json")


def problem_answer(problem: Problem) -> Response:
    """A problem as `application/problem+json`."""
    body = {
        "type": "about:blank",
        "status": problem.status,
        "code": problem.code,
        "detail": problem.detail,
    }
    return Response(
        orjson.dumps(body),
        status_code=problem.status,
        media_type="application/problem+json",
        headers={"retry-after": "1"} if problem.status == 503 else None,
    )


def invalid(error: ValidationError) -> Problem:
    """What is wrong with a body, field by field, without repeating its values."""
    found = [
        f"{'.'.join(str(part) for part in item['loc']) or 'body'}: {item['msg']}"
        for item in error.errors(include_url=False, include_input=False)
    ]
    return Problem(422, "invalid_request", bounded("; ".join(found)))
