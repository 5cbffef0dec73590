"""A trainee's journey as her caseworker sees it, and what her partners have in their books."""

import json
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx

from tests.stories.waiting import until


@dataclass
class Trainee:
    """Read and commanded over HTTP only."""

    id: str
    person_ref: str
    door: httpx.AsyncClient
    sandbox: httpx.AsyncClient
    headers: dict[str, str] = field(repr=False)

    # -- what the caseworker does ---------------------------------------------------------------

    async def case(self) -> dict[str, Any]:
        """The journey now."""
        return await self._get("")

    async def timeline(self) -> list[dict[str, Any]]:
        """Every line, oldest first."""
        page = await self._get("/timeline?limit=200")
        assert page["next_cursor"] is None, "longer than a page"
        lines: list[dict[str, Any]] = page["items"]
        return lines

    async def kinds(self) -> list[str]:
        """What the lines tell of."""
        return [line["kind"] for line in await self.timeline()]

    async def command(self, name: str, key: str | None = None, **body: Any) -> httpx.Response:
        """What the door answers to a command."""
        headers = self.headers | {"Idempotency-Key": key or uuid4().hex}
        return await self.door.post(f"/v1/journeys/{self.id}/{name}", json=body, headers=headers)

    async def until_state(self, state: str, awaiting: str | None = None) -> dict[str, Any]:
        """Wait for a state, and for what it awaits."""

        async def seen() -> dict[str, Any] | None:
            case = await self.case()
            here = case["state"] == state and (awaiting is None or awaiting in case["awaited"])
            return case if here else None

        try:
            return await until(seen, f"{self.id} is {state}, awaiting {awaiting or 'anything'}")
        except AssertionError as error:
            raise AssertionError(f"{error}; its last lines:\n{await self._last_lines()}") from None

    async def until_closed(self) -> str:
        """Wait for the end; the outcome."""
        return str((await self.until_state("closed"))["outcome"])

    async def _last_lines(self) -> str:
        return "\n".join(
            f"{line['sequence']} {line['kind']} {line['state']} {line['detail']}"
            for line in (await self.timeline())[-6:]
        )

    async def _get(self, path: str) -> dict[str, Any]:
        answer = await self.door.get(f"/v1/journeys/{self.id}{path}", headers=self.headers)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    # -- what her partners do -------------------------------------------------------------------

    async def tell_partners(self, **script: Any) -> None:
        """What happens to this trainee from now on; nothing told goes well."""
        answer = await self.sandbox.put(f"/control/trainees/{self.person_ref}", json=script)
        assert answer.status_code == 200, answer.text

    async def requests(self, service: str | None = None) -> list[dict[str, Any]]:
        """The partners' books about this journey, oldest first: one row for each key."""
        found = await self.sandbox.get("/control/ledger", params={"journey": self.id})
        rows = [row for row in found.json()["keys"] if service in (None, row["service"])]
        return sorted(rows, key=lambda row: row["at"])

    async def request(self, service: str) -> dict[str, Any]:
        """The first request to a service, once it was taken."""

        async def seen() -> dict[str, Any] | None:
            return next(iter(await self.requests(service)), None)

        return await until(seen, f"{self.id} asked the {service} service")

    async def events(self, kind: str) -> list[dict[str, Any]]:
        """What the partners reported of a kind: `data` of the event, and the last answer."""
        found = await self.sandbox.get("/control/events", params={"journey": self.id, "type": kind})
        return [row | {"data": json.loads(row["body"])["data"]} for row in found.json()["events"]]

    async def sat(self) -> list[tuple[int, str, float]]:
        """Attempt, component and mark of every sitting that was marked."""
        results = [row["data"] for row in await self.events("assessment.result")]
        return [(each["attempt"], each["component"], each["raw"]) for each in results]
