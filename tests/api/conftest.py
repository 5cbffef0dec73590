"""The real app on real PostgreSQL; journeys are played where Temporal is not the point."""

from collections.abc import AsyncIterator, Callable

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from api.app import create_app
from api.dependencies import ApiDependencies
from api.tokens import TokenVerifier
from domain.catalog import Catalog
from policies.loader import Policies, load_catalog, load_policies
from store.registry import save_partners
from tests.api.issuer import Issuer
from tests.api.partners import PARTNERS, SECRETS
from tests.api.played_journeys import PlayedJourneys
from tests.vault import VAULT

Client = Callable[[str | None], httpx.AsyncClient]


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    return load_catalog()


@pytest.fixture(scope="session")
def policies(catalog: Catalog) -> Policies:
    return load_policies(catalog=catalog)


@pytest.fixture(scope="session")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Issuer:
    return Issuer(tmp_path_factory.mktemp("issuer"))


@pytest.fixture
def journeys() -> PlayedJourneys:
    return PlayedJourneys()


@pytest.fixture
async def deps(
    engine: AsyncEngine,
    journeys: PlayedJourneys,
    catalog: Catalog,
    policies: Policies,
    issuer: Issuer,
) -> ApiDependencies:
    async with engine.begin() as connection:
        await save_partners(connection, VAULT, PARTNERS, SECRETS)
    return ApiDependencies(
        engine=engine,
        journeys=journeys,
        catalog=catalog,
        policies=policies,
        tokens=TokenVerifier(issuer.key_set, issuer=issuer.name),
        vault=VAULT,
    )


@pytest.fixture
def app(deps: ApiDependencies) -> FastAPI:
    return create_app(deps)


def client_of(app: FastAPI, token: str | None = None) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app, raise_app_exceptions=True),
        base_url="http://journeyman.test",
        headers=headers,
    )


@pytest.fixture
async def stranger(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client without a token."""
    async with client_of(app) as client:
        yield client


@pytest.fixture
async def caseworker(app: FastAPI, issuer: Issuer) -> AsyncIterator[httpx.AsyncClient]:
    """A caseworker of Shenzhen (4403)."""
    async with client_of(app, issuer.token("caseworker", region="4403")) as client:
        yield client
