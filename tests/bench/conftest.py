"""The same world as the workflow tests have."""

from tests.workflows.conftest import time_skipping, world

__all__ = ["time_skipping", "world"]
