"""The real catalog, read once."""

import pytest

from domain.catalog import Catalog
from policies.loader import load_catalog


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    return load_catalog()
