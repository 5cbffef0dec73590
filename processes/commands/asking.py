"""How the commands ask the API: as staff, with a token; what goes wrong is told in words."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from pydantic import JsonValue

from domain.commands import Role
from processes.faults import CommandFailed
from processes.local_issuer import LocalIssuer
from processes.settings import Settings

ANSWER_WITHIN = 30.0
"""Seconds."""

Json = dict[str, JsonValue]


class StaffClient:
    """Asks the API with a bearer token.

    Raises `CommandFailed` where the API is not there or answers with a problem.
    """

    def __init__(self, client: httpx.Client, address: str) -> None:
        self._client = client
        self._address = address

    def get(self, path: str, query: dict[str, str | int] | None = None) -> Json:
        """The JSON answer of a GET."""
        return self._ask("GET", path, query=query)

    def post(self, path: str, body: Json, key: str | None = None) -> Json:
        """The JSON answer of a POST under an Idempotency-Key, a new one where None."""
        return self._ask("POST", path, body=body, key=key or secrets.token_hex(16))

    def send(
        self,
        path: str,
        content: bytes,
        media_type: str,
        query: dict[str, str | int] | None = None,
        key: str | None = None,
    ) -> Json:
        """The JSON answer to a file that is posted, under an Idempotency-Key like `post`."""
        headers = {"Content-Type": media_type, "Idempotency-Key": key or secrets.token_hex(16)}
        return answer_of(self._request("POST", path, query, headers, content=content))

    def table(self, path: str) -> str:
        """The CSV that a GET answers.

        Raises:
            CommandFailed: the API answers with a problem.
        """
        answer = self._request("GET", path, None, {"Accept": "text/csv"})
        if not answer.is_success:
            answer_of(answer)
        return answer.text

    def _ask(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, str | int] | None = None,
        body: Json | None = None,
        key: str | None = None,
    ) -> Json:
        headers = {"Idempotency-Key": key} if key else {}
        return answer_of(self._request(method, path, query, headers, body=body))

    def _request(  # noqa: PLR0917 (what a request is made of)
        self,
        method: str,
        path: str,
        query: dict[str, str | int] | None,
        headers: dict[str, str],
        body: Json | None = None,
        content: bytes | None = None,
    ) -> httpx.Response:
        try:
            return self._client.request(
                method, path, params=query, json=body, content=content, headers=headers
            )
        except httpx.HTTPError as fault:
            raise not_reachable(self._address, fault) from None


@contextmanager
def staff_client(
    settings: Settings, region: str | None, role: Role = Role.CASEWORKER, partner: str = ""
) -> Iterator[StaffClient]:
    """A client with the token of JOURNEYMAN_TOKEN, else with one of the embedded run's issuer.

    Args:
        region: the division whose journeys the issued token is to see; an operator has none, nor
            has a partner.
        role: what the issued token is to be good for.
        partner: the one that a partner's token speaks for.

    Raises:
        CommandFailed: no token, and none can be issued.
    """
    headers = {"Authorization": f"Bearer {_token(settings, region, role, partner)}"}
    with httpx.Client(
        base_url=settings.api_url, headers=headers, timeout=ANSWER_WITHIN, trust_env=False
    ) as client:
        yield StaffClient(client, settings.api_url)


def not_reachable(address: str, fault: httpx.HTTPError) -> CommandFailed:
    """What to say where nobody answers."""
    return CommandFailed(
        f"the API does not answer on {address} ({type(fault).__name__}): start it with "
        "`journeyman up`, or name its place with JOURNEYMAN_API_HOST and JOURNEYMAN_API_PORT"
    )


def answer_of(answer: httpx.Response) -> Json:
    """The JSON of a good answer.

    Raises:
        CommandFailed: telling the problem and each field that is wrong.
    """
    try:
        content = answer.json()
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise CommandFailed(f"{answer.url} answers {answer.status_code}, and not in JSON")
    if answer.is_success:
        return content
    lines = [f"the API answers {answer.status_code} {content.get('code')}: {content.get('detail')}"]
    if content.get("rule"):
        lines.append(f"  rule {content['rule']}, the journey is in {content.get('state')}")
    for wrong in content.get("errors") or []:
        value = f" = {wrong['value']!r}" if wrong.get("value") is not None else ""
        lines.append(f"  {wrong['field']}{value}: {wrong['message']}")
    if answer.status_code == 401:
        lines.append("  get a token with `journeyman token`, and set JOURNEYMAN_TOKEN")
    raise CommandFailed("\n".join(lines))


def _token(settings: Settings, region: str | None, role: Role, partner: str) -> str:
    if settings.token is not None:
        return settings.token.get_secret_value()
    if not settings.is_embedded:
        raise CommandFailed("set JOURNEYMAN_TOKEN to a bearer token of your issuer")
    if not region and role not in (Role.OPERATOR, Role.PARTNER):
        raise CommandFailed(
            "say whose journeys you want to see with --region, such as --region 44, or set "
            "JOURNEYMAN_TOKEN (`journeyman token` issues one for the embedded run)"
        )
    if not settings.keys_folder.exists():
        raise CommandFailed(
            f"{settings.keys_folder} holds no keys: `journeyman up` makes them; another data "
            "folder is named by JOURNEYMAN_DATA_FOLDER"
        )
    issuer = LocalIssuer(settings.keys_folder, audience=settings.audience)
    return issuer.issue_token(role, subject=f"local-{role}", region=region or "", partner=partner)
