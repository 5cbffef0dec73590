"""`journeyman token`: a bearer token of the embedded run's own issuer."""

from typing import Annotated, Literal

import typer

from processes.faults import CommandFailed, told

RoleName = Literal["caseworker", "supervisor", "auditor", "operator", "partner"]


def token(
    role: Annotated[RoleName, typer.Option(help="What its bearer may do.")] = "caseworker",
    region: Annotated[
        str, typer.Option(help="Division code (GB/T 2260) that a member of staff works in.")
    ] = "",
    partner: Annotated[str, typer.Option(help="The partner that a partner's token is for.")] = "",
    subject: Annotated[str, typer.Option(help="The bearer's account id.")] = "",
    hours: Annotated[float, typer.Option(min=0.01, max=24, help="How long it is good.")] = 12.0,
) -> None:
    """Issue a bearer token for the embedded run on this machine; nobody else trusts it.

    Examples:

      journeyman token --role caseworker --region 44

      journeyman token --role partner --partner provider-shenzhen-01

      curl -H "Authorization: Bearer $(journeyman token --region 44)"
      http://127.0.0.1:8700/v1/journeys

    The key lies in the data folder: JOURNEYMAN_DATA_FOLDER, .data by default.
    """
    from domain.commands import Role  # noqa: PLC0415 (help comes at once)
    from processes.local_issuer import LocalIssuer  # noqa: PLC0415
    from processes.settings import load_settings  # noqa: PLC0415

    with told():
        settings = load_settings()
        if not settings.is_embedded:
            raise CommandFailed(
                "tokens are issued here for an embedded run only, and JOURNEYMAN_DATABASE_URL or "
                "JOURNEYMAN_EMBEDDED says that this is none: ask your own issuer"
            )
        if role in ("caseworker", "supervisor") and not region:
            raise CommandFailed(f"a {role} works in a region: add --region, such as --region 44")
        if role == "partner" and not partner:
            raise CommandFailed("whose token? add --partner, such as --partner jobs-shenzhen")
        issuer = LocalIssuer(settings.keys_folder, audience=settings.audience)
        typer.echo(
            issuer.issue_token(
                Role(role),
                subject=subject or f"local-{role}",
                region=region,
                partner=partner,
                hours=hours,
            )
        )
