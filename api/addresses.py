"""Addresses of a reasonable length: what is longer is refused before it is taken apart."""

from starlette.types import ASGIApp, Receive, Scope, Send

from api.handlers import answer_problem
from api.problems import AddressTooLong

LONGEST_ADDRESS = 8 * 1024
"""Path and query together, in bytes (RFC 9110 asks for 8,000 at least)."""

MOST_PARAMETERS = 64
"""No call takes more than twenty; a parser of more only works for whoever sent them."""


class BoundedAddress:
    """Answers 414 for an address that is too long, or has too many parameters."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            query: bytes = scope["query_string"]
            problem = None
            if len(scope.get("raw_path") or b"") + len(query) > LONGEST_ADDRESS:
                problem = AddressTooLong(f"at most {LONGEST_ADDRESS} bytes are taken")
            elif query.count(b"&") >= MOST_PARAMETERS:
                problem = AddressTooLong(f"at most {MOST_PARAMETERS} parameters are taken")
            if problem is not None:
                await answer_problem(scope, problem)(scope, receive, send)
                return
        await self._app(scope, receive, send)
