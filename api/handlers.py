"""The one place where errors become answers: every refusal is an RFC 9457 problem."""

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.types import Scope

from api.problems import (
    MEDIA_TYPE,
    FieldError,
    NotFound,
    Problem,
    ProblemDetails,
    Unprocessable,
    problem_type,
)
from api.request_log import request_id_of
from api.validation import field_errors
from store.pages import BadCursor

_CODES: dict[int, str] = {404: "not_found", 405: "method_not_allowed"}


def answer(details: ProblemDetails, headers: dict[str, str]) -> Response:
    """A problem as an HTTP answer."""
    return Response(
        orjson.dumps(details.model_dump(mode="json", exclude_none=True)),
        status_code=details.status,
        media_type=MEDIA_TYPE,
        headers=headers,
    )


def answer_problem(scope: Scope, problem: Problem) -> Response:
    """A problem as the HTTP answer to the request in hand."""
    return answer(problem.details(request_id_of(scope)), problem.headers)


async def _problem(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, Problem)
    return answer_problem(request.scope, problem)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    problem = Unprocessable(
        "the request is not valid; see errors", errors=field_errors(error.errors())
    )
    return await _problem(request, problem)


async def _no_page(request: Request, error: Exception) -> Response:
    assert isinstance(error, BadCursor)
    wrong = FieldError(field="cursor", message="is not one that this list handed out")
    problem = Unprocessable("the request is not valid; see errors", errors=[wrong])
    return await _problem(request, problem)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        return await _problem(request, NotFound("there is nothing at this address"))
    code = _CODES.get(error.status_code, "http_error")
    details = ProblemDetails(
        type=problem_type(code),
        title=error.detail,
        status=error.status_code,
        detail=error.detail,
        code=code,
        retryable=False,
        instance=request_id_of(request.scope),
    )
    return answer(details, dict(error.headers or {}))


def handle_errors(app: FastAPI) -> None:
    """Install the handlers."""
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(BadCursor, _no_page)
    app.add_exception_handler(HTTPException, _http)
