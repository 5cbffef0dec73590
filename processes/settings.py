"""Every setting of every process: the only place that reads the environment.

Each is an environment variable `JOURNEYMAN_<NAME>`, with a default that works for the embedded
run. Temporal elsewhere is reached by the SDK's own settings (`TEMPORAL_ADDRESS` and the like).
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from domain.outgoing import OutgoingRules, outgoing_rules

PREFIX = "JOURNEYMAN_"
LOCAL_ISSUER = "journeyman-local"
"""The issuer of the embedded run's tokens; nobody is to trust it anywhere else."""

Port = Annotated[int, Field(ge=1, le=65535)]
Seconds = Annotated[float, Field(gt=0, le=86_400)]
Service = Literal["registry", "enrollment", "exam", "placement"]
PerSecond = Annotated[float, Field(gt=0, le=100_000)]
Count = Annotated[int, Field(ge=1, le=1_000_000)]
Bytes = Annotated[int, Field(ge=1024, le=1024 * 1024 * 1024)]


def _http_address(value: str) -> str:
    if not value.startswith(("http://", "https://")):
        raise ValueError("write an address that begins with http:// or https://")
    return value.rstrip("/")


def _database_address(value: SecretStr) -> SecretStr:
    try:
        url = make_url(value.get_secret_value())
    except ArgumentError:
        raise ValueError("write postgresql+asyncpg://user@host/database") from None
    if url.drivername not in ("postgresql", "postgresql+asyncpg"):
        raise ValueError("only PostgreSQL is spoken: write postgresql+asyncpg://user@host/database")
    url = url.set(drivername="postgresql+asyncpg")
    return SecretStr(url.render_as_string(hide_password=False))


def _outgoing_allowed(value: str) -> str:
    outgoing_rules(value)
    return value


OutgoingAllowed = Annotated[str, AfterValidator(_outgoing_allowed)]
HttpUrl = Annotated[str, AfterValidator(_http_address)]
DatabaseUrl = Annotated[SecretStr, AfterValidator(_database_address)]


class SettingsError(Exception):
    """The environment does not add up; the text names each variable and what is wrong."""


class Settings(BaseModel):
    """What a process is told. Times in seconds, sizes in bytes, rates per second.

    Use `load_settings()`, which names the environment variable in its errors.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    data_folder: Path = Path(".data")
    """Where the embedded run keeps databases, keys and logs; survives restarts."""
    embedded: bool | None = None
    """Whether this process belongs to an embedded run; by default where no database is named."""
    database_url: DatabaseUrl | None = None
    """A PostgreSQL 15 or newer, as a member of the role journeyman_app; the embedded one where not
    given."""
    migration_database_url: DatabaseUrl | None = None
    """The same database as the owner of its tables, for `journeyman migrate`; the address above
    where not given."""
    database_connections: Count = 10
    """Most connections that one process holds."""
    policies_folder: Path | None = None
    """The rules as YAML, with `catalog/` beside them; ours for each of the two not given."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    api_host: str = "127.0.0.1"
    api_port: Port = 8700
    sandbox_port: Port = 8701
    temporal_port: Port = 8702
    temporal_ui_port: Port = 8703
    worker_metrics_port: Port = 8704
    relay_metrics_port: Port = 8705

    issuer: str = LOCAL_ISSUER
    """`iss` of the staff's tokens."""
    issuer_keys: str | None = None
    """The issuer's JWKS, a file or an http(s) address; the local issuer's where not given."""
    audience: str = "journeyman"
    """`aud` of the staff's tokens."""
    token: SecretStr | None = None
    """The bearer token with which the command line asks the API; an embedded run issues its own."""
    partner_secret: SecretStr | None = None
    """The secret with which the command line signs an event; an embedded run keeps its own."""

    master_key: SecretStr | None = None
    """Wraps the keys under which personal data lies: 32 bytes in base64; several, newest first, are
    parted by a space. An embedded run makes its own."""

    registry_url: HttpUrl | None = None
    enrollment_url: HttpUrl | None = None
    exam_url: HttpUrl | None = None
    placement_url: HttpUrl | None = None
    """Where each partner service answers; the sandbox where not given."""
    outgoing_allowed: OutgoingAllowed = ""
    """Hosts, addresses and networks beside the public ones that partner services may have outside
    an embedded run, parted by spaces: for a ministry's own network. A host named may be in a
    private network, a network named may be any."""
    registry_calls_per_second: PerSecond = 50.0
    enrollment_calls_per_second: PerSecond = 50.0
    exam_calls_per_second: PerSecond = 50.0
    placement_calls_per_second: PerSecond = 50.0
    """How fast all workers together call a service."""
    service_calls_at_once: Count = 20
    """Calls to one service under way in one worker."""
    service_answer_within: Seconds = 10.0

    event_bytes: Bytes = 64 * 1024
    event_data_bytes: Bytes = 8 * 1024
    """Most of an event's data, which enters a journey's history."""
    body_bytes: Bytes = 64 * 1024
    batch_events: Count = 1000
    """Most events of one batch."""
    batch_bytes: Bytes = 8 * 1024 * 1024
    file_rows: Count = 100_000
    """Most rows of one event file."""
    file_bytes: Bytes = 32 * 1024 * 1024
    cohort_rows: Count = 10_000
    """Most rows of one cohort."""
    cohort_bytes: Bytes = 8 * 1024 * 1024
    signature_age: Seconds = 300.0
    """How old or new a partner's signature may be."""
    headers_within: Seconds = 10.0
    """How long a client may take to send a request's head."""
    connections: Count = 2000
    """Connections that one API process holds; at the limit the longest idle one gives way."""
    body_within: Seconds = 30.0
    """How long a client may take to send a request's body."""
    caller_requests_per_second: PerSecond = 50.0
    """Requests of one caller that one API process answers; twice as many at once."""
    partner_events_per_second: PerSecond = 500.0
    """The same for a partner's events, where the registry sets no limit of its own."""
    unknown_subject_days: Annotated[float, Field(gt=0, le=3660)] = 30.0
    """Days until an event about an unknown journey becomes a supervisor's task."""

    relay_starts_per_second: PerSecond = 20.0
    """Starts give way to running journeys; a nation's peak is 8."""
    cohort_rows_per_second: PerSecond = 20.0
    """How fast a relay opens the journeys of cohorts."""
    relay_batch: Count = 100
    relay_lease: Seconds = 30.0
    relay_poll: Seconds = 0.5
    """How long the relay waits for a hint before it looks by itself."""

    worker_journeys_cached: Count = 2000
    """Journeys kept in memory, about 80 KB each."""
    worker_journeys_at_once: Count = 50
    worker_records_at_once: Count = 50

    sandbox_pace: Annotated[float, Field(ge=0, le=3600)] = 0.0
    """Time between two steps of a sandbox partner."""
    sandbox_seed: int = 0

    @model_validator(mode="after")
    def _adds_up(self) -> "Settings":
        host = make_url(self.database_url.get_secret_value()).host if self.database_url else None
        if self.embedded and host:
            raise ValueError(
                "JOURNEYMAN_EMBEDDED: an embedded run's database is reached by unix socket, yet "
                "JOURNEYMAN_DATABASE_URL names a host: unset one of them"
            )
        if self.embedded is False and self.database_url is None:
            raise ValueError(
                "JOURNEYMAN_DATABASE_URL: needed where JOURNEYMAN_EMBEDDED is false, as in "
                "postgresql+asyncpg://user@host/database"
            )
        return self

    @property
    def is_embedded(self) -> bool:
        """Whether sample keys and users are in order: only where Journeyman runs everything."""
        return self.database_url is None if self.embedded is None else self.embedded

    @property
    def catalog_folder(self) -> Path | None:
        """Divisions, occupations, modules, programs: `catalog/` beside the rules; None for ours."""
        beside = self.policies_folder / "catalog" if self.policies_folder else None
        return beside if beside is not None and beside.is_dir() else None

    @property
    def postgres_folder(self) -> Path:
        """The embedded PostgreSQL's data folder."""
        return self.data_folder / "postgres"

    @property
    def temporal_folder(self) -> Path:
        """The embedded Temporal's data folder."""
        return self.data_folder / "temporal"

    @property
    def keys_folder(self) -> Path:
        """The embedded run's keys."""
        return self.data_folder / "keys"

    @property
    def logs_folder(self) -> Path:
        """The logs of the embedded run's processes."""
        return self.data_folder / "logs"

    @property
    def api_url(self) -> str:
        """Where the API answers, without a slash at the end."""
        return f"http://{self.api_host}:{self.api_port}"

    def service_url(self, service: Service) -> str:
        """Where a partner service answers, without a slash at the end."""
        sandbox = f"http://127.0.0.1:{self.sandbox_port}/{service}"
        return self.named_service_url(service) or sandbox

    def named_service_url(self, service: Service) -> str | None:
        """The address given for a partner service; None where the sandbox stands in."""
        given: str | None = getattr(self, f"{service}_url")
        return given

    @property
    def outgoing_rules(self) -> OutgoingRules:
        """Where calls to partners may go outside an embedded run."""
        return outgoing_rules(self.outgoing_allowed)

    def calls_per_second(self, service: Service) -> float:
        """How fast all workers together call a partner service."""
        rate: float = getattr(self, f"{service}_calls_per_second")
        return rate

    def issuer_key_set(self) -> Path | str:
        """The JWKS of the staff's issuer: a file, or an http(s) address."""
        if self.issuer_keys is None:
            return self.keys_folder / "jwks.json"
        if self.issuer_keys.startswith(("http://", "https://")):
            return self.issuer_keys
        return Path(self.issuer_keys)

    def child_environment(self, database_url: str) -> dict[str, str]:
        """The environment of a process of this embedded run, with its database's address."""
        return {
            **os.environ,
            f"{PREFIX}EMBEDDED": "true",
            f"{PREFIX}DATABASE_URL": database_url,
            f"{PREFIX}DATA_FOLDER": str(self.data_folder.resolve()),
        }


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """The settings that the environment holds.

    Args:
        environment: read instead of the process's own, for whoever asks on another's behalf.

    Raises:
        SettingsError: naming every variable that is unknown or wrong.
    """
    environment = os.environ if environment is None else environment
    given = {
        name.removeprefix(PREFIX).lower(): value
        for name, value in environment.items()
        if name.startswith(PREFIX) and value != ""
    }
    try:
        return Settings.model_validate(given)
    except ValidationError as error:
        raise SettingsError("\n".join(_told(error))) from None


def _told(error: ValidationError) -> list[str]:
    lines = []
    for problem in error.errors(include_url=False, include_input=False):
        message = problem["msg"].removeprefix("Value error, ")
        if not problem["loc"]:
            lines.append(message)
            continue
        name = f"{PREFIX}{str(problem['loc'][0]).upper()}"
        if problem["type"] == "extra_forbidden":
            message = "there is no such setting"
        lines.append(f"{name}: {message}")
    return lines
