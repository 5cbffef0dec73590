"""Where to look once everything runs."""

import sys
from pathlib import Path

from processes.settings import Settings


def where_to_look(settings: Settings) -> str:
    """Addresses, how to get a token, and where the logs are."""
    command = _command(settings)
    return f"""
  API           {settings.api_url}/v1/journeys, described in {settings.api_url}/openapi.json
  Temporal UI   http://127.0.0.1:{settings.temporal_ui_port}
  sandbox       http://127.0.0.1:{settings.sandbox_port}/docs (partners: what to tell them)
  a token       {command} token --region 44
                (sample staff of a local issuer, for this machine only)
  journeys      {command} journey list --region 44
  logs          {settings.logs_folder}

  Ctrl-C stops everything; the data stay in {settings.data_folder}.
"""


def _command(settings: Settings) -> str:
    """The command as it was called here, on this data folder."""
    called = sys.argv[0] if Path(sys.argv[0]).name == "journeyman" else "journeyman"
    default: Path = Settings.model_fields["data_folder"].default
    if settings.data_folder == default.resolve():
        return called
    return f"JOURNEYMAN_DATA_FOLDER={settings.data_folder} {called}"
