"""The real app on real PostgreSQL, as in `tests/api`."""

from tests.api.conftest import catalog, deps, issuer, journeys, policies

__all__ = ["catalog", "deps", "issuer", "journeys", "policies"]
