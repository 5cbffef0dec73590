"""Checks of PostgreSQL and Temporal."""

from sqlalchemy import NullPool, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from temporalio.service import RPCError

from processes.checks.finding import Broken, not_started
from processes.embedded.app_role import as_processes
from processes.embedded.namespace import missing_search_attributes
from processes.embedded.ports import answers
from processes.embedded.postgres import running_address
from processes.faults import CommandFailed
from processes.local_issuer import SampleSecrets
from processes.partner_secrets import require_own_partner_secrets
from processes.settings import Settings
from processes.stores import OWN_ROLE
from processes.temporal_client import connect_temporal, temporal_connection
from store import migrations
from store.rights import too_powerful

OLDEST_POSTGRES = 150_000
"""`server_version_num` of PostgreSQL 15."""


async def check_postgres(settings: Settings) -> str:
    """It answers, is new enough, and has the schema of this code."""
    address = _address(settings)
    engine = create_async_engine(address, poolclass=NullPool)
    try:
        version = await _version(engine)
    except (OSError, SQLAlchemyError) as error:
        where = engine.url.render_as_string(hide_password=True)
        raise Broken(
            f"{where} does not answer ({_kind(error)})",
            "see that it runs and that JOURNEYMAN_DATABASE_URL is right",
        ) from None
    finally:
        await engine.dispose()
    if version < OLDEST_POSTGRES:
        raise Broken(f"PostgreSQL {version // 10_000}", "upgrade to PostgreSQL 15 or newer")
    schema, head = await migrations.current(address), migrations.head()
    if schema != head:
        raise Broken(f"the schema is at {schema}, this code needs {head}", "`journeyman migrate`")
    return f"PostgreSQL {version // 10_000}, schema {head}"


async def check_partner_secrets(settings: Settings) -> str:
    """Outside an embedded run no partner signs with a secret of one."""
    if settings.is_embedded:
        return "made for this data folder, as an embedded run's"
    engine = create_async_engine(_address(settings), poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            await require_own_partner_secrets(settings, connection)
    except SampleSecrets as error:
        raise Broken(str(error), "rotate these partners' keys") from None
    except CommandFailed as error:
        raise Broken("the keys that seal them can't be had", str(error)) from None
    except (OSError, SQLAlchemyError):
        raise Broken("PostgreSQL can't be asked", "see PostgreSQL above") from None
    finally:
        await engine.dispose()
    return "none of an embedded run"


async def check_database_role(settings: Settings) -> str:
    """Our processes can't alter the audit log, as whoever they connect."""
    engine = create_async_engine(_address(settings), poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            too_much = await too_powerful(connection)
    except (OSError, SQLAlchemyError):
        raise Broken("PostgreSQL can't be asked", "see PostgreSQL above") from None
    finally:
        await engine.dispose()
    if too_much:
        raise Broken(f"{engine.url.username}: {too_much}", OWN_ROLE)
    return f"{engine.url.username} can add lines to the audit log, and not alter it"


async def check_temporal(settings: Settings) -> str:
    """It answers, and the namespace has our search attributes."""
    if settings.is_embedded and not answers(settings.temporal_port):
        raise not_started("Temporal")
    where = temporal_connection(settings).get("target_host", "")
    try:
        client = await connect_temporal(settings)
    except RuntimeError:
        raise Broken(
            f"{where} does not answer", "see that it runs and that TEMPORAL_ADDRESS is right"
        ) from None
    try:
        missing = await missing_search_attributes(client)
    except RPCError as error:
        raise Broken(
            f"namespace {client.namespace!r} on {where}: {error.status.name}",
            "create it, or name another with TEMPORAL_NAMESPACE",
        ) from None
    if missing:
        raise Broken(
            f"search attributes are missing: {', '.join(missing)}",
            "; ".join(
                f"temporal operator search-attribute create --name {name} --type Keyword"
                for name in missing
            ),
        )
    return f"{where}, namespace {client.namespace!r}"


def _address(settings: Settings) -> str:
    if settings.database_url is not None:
        return settings.database_url.get_secret_value()
    address = running_address(settings.postgres_folder)
    if address is None:
        raise not_started("PostgreSQL")
    return as_processes(address)


async def _version(engine: AsyncEngine) -> int:
    async with engine.connect() as connection:
        return int(await connection.scalar(text("SHOW server_version_num")) or 0)


def _kind(error: Exception) -> str:
    origin = error.orig if isinstance(error, DBAPIError) else error
    return type(origin).__name__
