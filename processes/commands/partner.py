"""`journeyman partner`: what an operator does to partners through the API, from a terminal."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from processes.commands.journey import PLAIN_WIDTH, AsJson
from processes.faults import told

if TYPE_CHECKING:
    from processes.commands.asking import Json, StaffClient

app = typer.Typer(
    no_args_is_help=True,
    help="Look at partners, pause and resume them, and change their keys, as an operator.\n\n"
    "The API is asked at JOURNEYMAN_API_HOST and JOURNEYMAN_API_PORT with the token in "
    "JOURNEYMAN_TOKEN, which has to be an operator's. In an embedded run one is issued.",
)
keys = typer.Typer(no_args_is_help=True, help="The keys that a partner signs its events with.")
app.add_typer(keys, name="keys")

PartnerId = Annotated[str, typer.Argument(help="The partner's id, such as center-shenzhen-01.")]
Reason = Annotated[str, typer.Option(help="Why; it stands in the audit log.")]


@app.command("list")
def list_all(
    kind: Annotated[str, typer.Option(help="Only these, such as center or provider.")] = "",
    region: Annotated[str, typer.Option(help="Only those in this division, such as 4403.")] = "",
    paused: Annotated[bool, typer.Option("--paused", help="Only those that are paused.")] = False,
    as_json: AsJson = False,
) -> None:
    """List partners, with their region and whether they are paused.

    Examples:

      journeyman partner list --kind center --region 44

      journeyman partner list --paused
    """
    asked: dict[str, str | int] = {"limit": 200, "region": region}
    asked |= {"kind": kind} if kind else {}
    asked |= {"paused": "true"} if paused else {}
    with _operator() as api:
        found: list[Json] = []
        cursor: object = ""
        while cursor is not None:
            page = api.get("/v1/partners", asked | ({"cursor": str(cursor)} if cursor else {}))
            found += page["items"]  # type: ignore[arg-type]
            cursor = page["next_cursor"]
    if as_json:
        _print(found)
        return
    _table(
        ("partner", "kind", "region", "paused since", "why"),
        [(each["id"], each["kind"], each["region"] or "all", *_pause_of(each)) for each in found],
    )


@app.command()
def show(partner: PartnerId) -> None:
    """Show a partner, and how many calls and events wait for it.

    Example:

      journeyman partner show center-shenzhen-01
    """
    with _operator() as api:
        _print(api.get(f"/v1/partners/{partner}"))


@app.command()
def pause(partner: PartnerId, reason: Reason) -> None:
    """Stop calling a partner and keep its events, until it is resumed.

    Nothing is lost: calls queue, events are acknowledged and wait. Other partners go on.

    Example:

      journeyman partner pause center-shenzhen-01 --reason "answers garbage since 9:40"
    """
    with _operator() as api:
        api.post(f"/v1/partners/{partner}/pause", {"reason": reason})
    typer.echo(f"{partner} is paused; `journeyman partner show {partner}` tells what waits")


@app.command()
def resume(partner: PartnerId, reason: Reason) -> None:
    """Let a partner go on: its events in the order of arrival, calls a few at a time, in order.

    Example:

      journeyman partner resume center-shenzhen-01 --reason "repaired, they say"
    """
    with _operator() as api:
        api.post(f"/v1/partners/{partner}/resume", {"reason": reason})
    typer.echo(f"{partner} goes on; `journeyman partner show {partner}` tells what still waits")


@keys.command("list")
def list_keys(partner: PartnerId, as_json: AsJson = False) -> None:
    """List a partner's keys: which are good, until when, when they were last used. No secret.

    Example:

      journeyman partner keys list center-shenzhen-01
    """
    with _operator() as api:
        answer = api.get(f"/v1/partners/{partner}/keys")
    if as_json:
        _print(answer)
        return
    shown = ("id", "state", "created_at", "expires_at", "revoked_at", "last_used_at")
    items: list[Json] = answer["items"]  # type: ignore[assignment]
    _table(shown, [tuple(each[name] or "" for name in shown) for each in items])


@keys.command()
def rotate(
    partner: PartnerId,
    overlap: Annotated[
        int, typer.Option(help="Seconds for which the old keys stay good: 0 to 2592000.")
    ] = 86_400,
) -> None:
    """Make a new key and let the old ones end after the overlap. Prints the secret, this once.

    Examples:

      journeyman partner keys rotate center-shenzhen-01

      journeyman partner keys rotate center-shenzhen-01 --overlap 0
    """
    with _operator() as api:
        _print(api.post(f"/v1/partners/{partner}/keys/rotate", {"overlap_seconds": overlap}))


@keys.command()
def revoke(
    partner: PartnerId,
    key: Annotated[str, typer.Argument(help="The key's id, pk_...")],
    reason: Reason,
) -> None:
    """End a key; events signed with it are refused within three seconds. It can't be undone.

    Example:

      journeyman partner keys revoke center-shenzhen-01 pk_01... --reason "seen in a mail"
    """
    with _operator() as api:
        api.post(f"/v1/partners/{partner}/keys/{key}/revoke", {"reason": reason})
    typer.echo(f"{key} is revoked")


@contextmanager
def _operator() -> "Iterator[StaffClient]":
    from domain.commands import Role  # noqa: PLC0415 (help comes at once)
    from processes.commands.asking import staff_client  # noqa: PLC0415
    from processes.settings import load_settings  # noqa: PLC0415

    with told(), staff_client(load_settings(), None, Role.OPERATOR) as api:
        yield api


def _pause_of(partner: "Json") -> tuple[str, str]:
    pause_of = partner["pause"]
    if not isinstance(pause_of, dict):
        return "", ""
    return str(pause_of["at"]), str(pause_of["reason"])


def _print(answer: object) -> None:
    typer.echo(json.dumps(answer, ensure_ascii=False, indent=2))


def _table(columns: tuple[str, ...], rows: list[tuple[object, ...]]) -> None:
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=PLAIN_WIDTH)
    table = Table(*columns)
    for row in rows:
        table.add_row(*(Text(str(cell)) for cell in row))
    console.print(table)
