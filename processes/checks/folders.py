"""Checks of what lies on this machine: data folder, keys, ports, policies."""

import os
import shutil
import stat

from policies.loader import load_catalog, load_policies
from policies.reading import PolicyError
from processes.checks.finding import Broken
from processes.embedded.ownership import is_owned, owner_of
from processes.embedded.ports import is_free
from processes.settings import Settings

LEAST_SPACE = 1024**3
"""Bytes that an embedded run wants free: write-ahead logs, histories, logs."""


async def check_data_folder(settings: Settings) -> str:
    """The embedded run can write there, and has room."""
    folder = settings.data_folder.resolve()
    if not settings.is_embedded:
        return "not needed"
    standing = next(path for path in (folder, *folder.parents) if path.exists())
    if not standing.is_dir() or not os.access(standing, os.W_OK | os.X_OK):
        raise Broken(
            f"{standing} can't be written to",
            "give this account the right, or name another folder with JOURNEYMAN_DATA_FOLDER",
        )
    free = shutil.disk_usage(standing).free
    if free < LEAST_SPACE:
        raise Broken(
            f"{free // 1024**2} MB are free below {standing}",
            "free 1 GB, or name another folder with JOURNEYMAN_DATA_FOLDER",
        )
    if is_owned(folder):
        return f"{folder}, owned by the run of process {owner_of(folder)}"
    return f"{folder}, owned by no run"


async def check_keys(settings: Settings) -> str:
    """Nobody else can read the embedded run's keys."""
    folder = settings.keys_folder
    if not settings.is_embedded or not folder.exists():
        return "none are kept here"
    for path in (folder, *folder.iterdir()):
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise Broken(f"{path} is open to other accounts", f"chmod go= {path}")
    return f"{folder}, closed to other accounts"


async def check_ports(settings: Settings) -> str:
    """Each port of the embedded run is free, or answered by the run that owns the data folder."""
    if not settings.is_embedded:
        return "each process names its own where it is taken"
    ports = {
        "JOURNEYMAN_API_PORT": settings.api_port,
        "JOURNEYMAN_SANDBOX_PORT": settings.sandbox_port,
        "JOURNEYMAN_TEMPORAL_PORT": settings.temporal_port,
        "JOURNEYMAN_TEMPORAL_UI_PORT": settings.temporal_ui_port,
        "JOURNEYMAN_WORKER_METRICS_PORT": settings.worker_metrics_port,
        "JOURNEYMAN_RELAY_METRICS_PORT": settings.relay_metrics_port,
    }
    if is_owned(settings.data_folder):
        return f"{', '.join(map(str, ports.values()))}, in use by the run"
    taken = [f"{port} ({name})" for name, port in ports.items() if not is_free(port)]
    if taken:
        raise Broken(f"taken: {', '.join(taken)}", "free the port, or set the variable to another")
    return f"{', '.join(map(str, ports.values()))} are free"


async def check_policies(settings: Settings) -> str:
    """Catalog and rules make sense."""
    folder = settings.policies_folder
    where = str(folder) if folder else "those that come with Journeyman"
    try:
        load_policies(folder, load_catalog(settings.catalog_folder))
    except PolicyError as error:
        raise Broken(f"{where}: {error}", "correct the file at the key named") from None
    return where
