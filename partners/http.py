"""How every partner service is spoken to: pooled, bounded in time and size, answered by type."""

import asyncio
from collections.abc import Mapping
from types import TracebackType
from typing import Self, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from domain.model import Word, bounded
from domain.outgoing import OutgoingRules
from partners.outgoing_guard import GuardedTransport
from partners.ports import PartnerRefused, PartnerUnavailable
from partners.requests import Cancel, Standing

UNKNOWN_REF = "unknown_ref"
"""Problem code: the partner has no such reference (any more)."""

_RETRYABLE = frozenset({408, 425, 429})
_AnswerT = TypeVar("_AnswerT", bound=Word)


class CallLimits(Word):
    """How long, how much and how many at once, for calls to one service.

    `answer_s` bounds a whole call in seconds, connecting included; `answer_bytes` its answer.
    """

    connect_s: float = Field(default=2.0, gt=0)
    answer_s: float = Field(default=10.0, gt=0)
    answer_bytes: int = Field(default=64 * 1024, gt=0)
    connections: int = Field(default=20, gt=0)


class _Problem(BaseModel):
    """The part of a problem document (RFC 9457) that we read."""

    model_config = ConfigDict(extra="ignore")

    code: str
    detail: str = ""


class ServiceClient:
    """One partner service under a base URL.

    Redirects are not followed, proxies and credentials of the environment are not used. Close it
    when done (`async with` does).

    Args:
        base_url: where the service answers.
        limits: how long, how much and how many at once.
        outgoing: where calls may go; None for a service of our own machine, as the sandbox is.
    """

    def __init__(
        self,
        base_url: str,
        limits: CallLimits | None = None,
        outgoing: OutgoingRules | None = None,
    ) -> None:
        self._limits = limits or CallLimits()
        carrier: httpx.AsyncBaseTransport = httpx.AsyncHTTPTransport(
            limits=httpx.Limits(
                max_connections=self._limits.connections,
                max_keepalive_connections=self._limits.connections,
            ),
            trust_env=False,
        )
        self._http = httpx.AsyncClient(
            base_url=base_url.rstrip("/"),
            timeout=httpx.Timeout(self._limits.answer_s, connect=self._limits.connect_s),
            transport=carrier if outgoing is None else GuardedTransport(outgoing, carrier),
            headers={"accept": "application/json", "accept-encoding": "identity"},
            follow_redirects=False,
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def post(
        self, path: str, body: Word, idempotency_key: str, answer: type[_AnswerT]
    ) -> _AnswerT:
        """POST a request (without its key, which goes into the header) and read the answer.

        Raises:
            PartnerRefused: a 4xx other than 408, 425 and 429.
            PartnerUnavailable: anything else that is no usable answer.
        """
        request = self._http.build_request(
            "POST",
            path,
            content=body.model_dump_json(exclude={"idempotency_key"}),
            headers={"content-type": "application/json", "idempotency-key": idempotency_key},
        )
        return _read(await self._send(request), answer)

    async def get(self, path: str, query: Mapping[str, str], answer: type[_AnswerT]) -> _AnswerT:
        """GET and read the answer; raises as `post` does."""
        request = self._http.build_request("GET", path, params=dict(query))
        return _read(await self._send(request), answer)

    async def give_back(self, collection: str, request: Cancel) -> None:
        """Cancel `request.ref`; one that the partner does not know (any more) is canceled.

        Raises:
            PartnerRefused: the partner does not let it go.
            PartnerUnavailable: no usable answer.
        """
        path = f"{collection}/{path_segment(request.ref)}/cancel"
        body = request.model_copy(update={"reason": bounded(request.reason)})
        try:
            await self.post(path, body, request.idempotency_key, Standing)
        except PartnerRefused as refused:
            if refused.code != UNKNOWN_REF:
                raise

    async def standing(self, collection: str, partner: str, ref: str) -> Standing:
        """Where a request stands; `PartnerRefused` with `unknown_ref` where there is none."""
        path = f"{collection}/{path_segment(ref)}"
        return await self.get(path, {"partner": partner}, Standing)

    async def _send(self, request: httpx.Request) -> bytes:
        try:
            async with asyncio.timeout(self._limits.answer_s):
                response = await self._http.send(request, stream=True)
                try:
                    body = await self._bounded_body(response)
                finally:
                    await response.aclose()
        except TimeoutError:
            raise PartnerUnavailable(f"no answer within {self._limits.answer_s:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            raise PartnerUnavailable(f"no answer: {type(error).__name__}") from None
        _judge(response.status_code, body)
        return body

    async def _bounded_body(self, response: httpx.Response) -> bytes:
        if response.headers.get("content-encoding", "identity") != "identity":
            raise PartnerUnavailable("the answer is compressed, which was not asked for")
        body = bytearray()
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > self._limits.answer_bytes:
                raise PartnerUnavailable(
                    f"the answer is longer than {self._limits.answer_bytes} bytes"
                )
        return bytes(body)


def path_segment(ref: str) -> str:
    """A reference as one segment of a path; dots too, so that `..` leads nowhere."""
    return quote(ref, safe="").replace(".", "%2E")


def _judge(status: int, body: bytes) -> None:
    if status in (200, 201):
        return
    if status in _RETRYABLE or not 400 <= status < 500:
        raise PartnerUnavailable(f"the service answered {status}")
    try:
        problem = _Problem.model_validate_json(body)
    except ValidationError:
        raise PartnerRefused(f"http_{status}", f"the service answered {status}") from None
    raise PartnerRefused(bounded(problem.code), bounded(problem.detail))


def _read(body: bytes, answer: type[_AnswerT]) -> _AnswerT:
    try:
        return answer.model_validate_json(body, extra="ignore")
    except ValidationError as broken:
        first = broken.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "body"
        raise PartnerUnavailable(
            bounded(f"the answer breaks the contract at {where}: {first['msg']}")
        ) from None
