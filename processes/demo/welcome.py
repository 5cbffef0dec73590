"""Where to look once everything runs."""

from processes.settings import Settings


def where_to_look(settings: Settings) -> str:
    """Addresses, how to get a token, and where the logs are."""
    return f"""
  API           {settings.api_url}/v1/journeys, described in {settings.api_url}/openapi.json
  Temporal UI   http://127.0.0.1:{settings.temporal_ui_port}
  sandbox       http://127.0.0.1:{settings.sandbox_port}/docs (partners: what to tell them)
  a token       journeyman token --region 44
                (sample staff of a local issuer, for this machine only)
  journeys      journeyman journey list --region 44
  logs          {settings.logs_folder}

  Ctrl-C stops everything; the data stay in {settings.data_folder}.
"""
