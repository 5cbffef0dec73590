"""Enters partners and their signing keys in the registry of any database."""

import json
from pathlib import Path

from pydantic import TypeAdapter, ValidationError
from sqlalchemy.exc import SQLAlchemyError

from policies.loader import load_catalog
from policies.reading import PolicyError
from processes.demo.partners import read_partners
from processes.faults import CommandFailed
from processes.settings import Settings
from processes.stores import engine_of
from processes.vaults import vault_of
from store.partner_keys import EndedKey, MalformedSecret, key_of_secret
from store.registry import save_partners

_SECRETS: TypeAdapter[dict[str, str]] = TypeAdapter(dict[str, str])


async def enter_partners(settings: Settings, partners: Path, secrets: Path) -> int:
    """Enter every partner of a file, with its key; entering them again replaces them.

    Args:
        partners: YAML as `processes/demo/partners.yaml`.
        secrets: a JSON object, partner id → `whsec_…`, one for each partner of the file.

    Returns:
        How many partners were entered.

    Raises:
        CommandFailed: naming what is wrong in which file, or that PostgreSQL does not answer.
    """
    try:
        rows = read_partners(load_catalog(settings.catalog_folder), partners)
    except PolicyError as error:
        raise CommandFailed(str(error)) from None
    held = _read_secrets(secrets)
    without = [row.id for row in rows if row.id not in held]
    if without:
        raise CommandFailed(f"{secrets}: no key for {', '.join(without)}")
    engine = engine_of(settings)
    try:
        vault = await vault_of(settings, engine)
        async with engine.begin() as connection:
            await save_partners(connection, vault, rows, {row.id: (held[row.id],) for row in rows})
    except EndedKey as ended:
        raise CommandFailed(f"{secrets}: {ended}; give it a new one") from None
    except (OSError, SQLAlchemyError) as fault:
        raise CommandFailed(
            f"the partners could not be written ({type(fault).__name__}): see that PostgreSQL runs "
            "and was migrated (`journeyman migrate`)"
        ) from None
    finally:
        await engine.dispose()
    return len(rows)


def _read_secrets(path: Path) -> dict[str, str]:
    try:
        held = _SECRETS.validate_json(path.read_bytes())
    except OSError as fault:
        raise CommandFailed(f"{path}: {fault.strerror}") from None
    except ValidationError:
        example = json.dumps({"provider-1": "whsec_..."})
        raise CommandFailed(f"{path}: write a JSON object, as {example}") from None
    for partner, secret in held.items():
        try:
            key_of_secret(secret)
        except MalformedSecret as fault:
            raise CommandFailed(f"{path}: the key of {partner} can't be taken: {fault}") from None
    return held
