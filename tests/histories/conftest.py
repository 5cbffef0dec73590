"""The same world as the workflow tests have."""

from tests.workflows.conftest import world

__all__ = ["world"]
