"""What the figures were measured on, and with which versions."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psutil
from temporalio.api.workflowservice.v1 import GetClusterInfoRequest

from bench.caseload import connect
from bench.house import House

JsonObject = dict[str, object]

GIB = 1024**3


def machine() -> JsonObject:
    """Processor, cores, memory, kernel, and how busy it was with other things."""
    return {
        "cpu": _cpu_model(),
        "cores": psutil.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / GIB, 1),
        "kernel": f"{platform.system()} {platform.release()}",
        "load_before": [round(load, 2) for load in os.getloadavg()],
    }


async def versions(house: House) -> JsonObject:
    """Versions of language, engine and database."""
    service = house.temporal.workflow_service
    cluster = await service.get_cluster_info(GetClusterInfoRequest())
    connection = await connect(house.run.database_url)
    try:
        postgres = await connection.fetchval("SHOW server_version")
    finally:
        await connection.close()
    return {
        "python": platform.python_version(),
        "temporalio": version("temporalio"),
        "temporal_server": cluster.server_version,
        "postgres": postgres,
    }


def origin() -> JsonObject:
    """Which code, and when."""
    return {
        "commit": _git("rev-parse", "HEAD"),
        "uncommitted_changes": bool(_git("status", "--porcelain", "--untracked-files=no")),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _git(*arguments: str) -> str:
    """What git says, empty where there is none."""
    try:
        said = subprocess.run(
            ["git", *arguments],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return said.stdout.strip()


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    found = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(found, platform.machine())
