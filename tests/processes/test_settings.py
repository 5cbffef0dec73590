"""One home for every setting: a default that works, and an error that names the variable."""

from pathlib import Path

import pytest
from temporalio.client import Client

from processes.settings import Settings, SettingsError, load_settings
from processes.temporal_client import connect_temporal, temporal_connection

ELSEWHERE = {"JOURNEYMAN_DATABASE_URL": "postgresql://clerk:hidden@db.example/journeyman"}


def told(**environment: str) -> str:
    with pytest.raises(SettingsError) as error:
        load_settings(environment)
    return str(error.value)


def test_without_any_variable_a_run_is_embedded_and_on_loopback_only() -> None:
    settings = load_settings({"PATH": "/usr/bin"})
    assert settings.is_embedded
    assert settings.data_folder == Path(".data")
    assert settings.api_url == "http://127.0.0.1:8700"
    assert settings.service_url("exam") == "http://127.0.0.1:8701/exam"


def test_the_ports_of_a_run_differ() -> None:
    fields = [name for name in Settings.model_fields if name.endswith("_port")]
    settings = load_settings({})
    assert len({getattr(settings, name) for name in fields}) == len(fields) >= 6


def test_a_variable_changes_its_setting() -> None:
    settings = load_settings(
        {"JOURNEYMAN_API_PORT": "9000", "JOURNEYMAN_EXAM_URL": "https://exam.example/v2/"}
    )
    assert settings.api_url == "http://127.0.0.1:9000"
    assert settings.service_url("exam") == "https://exam.example/v2"


def test_an_empty_variable_counts_as_unset() -> None:
    assert load_settings({"JOURNEYMAN_DATABASE_URL": ""}).is_embedded


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("JOURNEYMAN_API_PORT", "http", "valid integer"),
        ("JOURNEYMAN_API_PORT", "70000", "less than or equal to 65535"),
        ("JOURNEYMAN_RELAY_STARTS_PER_SECOND", "0", "greater than 0"),
        ("JOURNEYMAN_EVENT_BYTES", "-1", "greater than or equal to 1024"),
        ("JOURNEYMAN_EXAM_URL", "exam.example", "begins with http:// or https://"),
        ("JOURNEYMAN_DATABASE_URL", "mysql://host/db", "only PostgreSQL"),
        ("JOURNEYMAN_DATABASE_URL", "the usual one", "postgresql+asyncpg://user@host/database"),
        ("JOURNEYMAN_LOG_LEVEL", "loud", "'debug', 'info', 'warning' or 'error'"),
        ("JOURNEYMAN_API_PROT", "8700", "there is no such setting"),
        ("JOURNEYMAN_EMBEDDED", "false", "JOURNEYMAN_DATABASE_URL: needed"),
    ],
)
def test_a_wrong_value_is_told_with_its_variable(name: str, value: str, complaint: str) -> None:
    message = told(**{name: value})
    assert name in message
    assert complaint in message


def test_every_wrong_variable_is_told_at_once() -> None:
    message = told(JOURNEYMAN_API_PORT="x", JOURNEYMAN_SANDBOX_PORT="y")
    assert "JOURNEYMAN_API_PORT" in message
    assert "JOURNEYMAN_SANDBOX_PORT" in message


def test_a_password_is_neither_shown_nor_told() -> None:
    assert "hidden" not in repr(load_settings(ELSEWHERE))
    assert "hidden" not in told(JOURNEYMAN_DATABASE_URL="mysql://clerk:hidden@host/db")


def test_a_plain_postgresql_address_is_read_with_our_driver() -> None:
    url = load_settings(ELSEWHERE).database_url
    assert url is not None
    assert url.get_secret_value() == "postgresql+asyncpg://clerk:hidden@db.example/journeyman"


def test_an_embedded_run_never_uses_somebody_elses_database() -> None:
    assert "names a host" in told(**ELSEWHERE, JOURNEYMAN_EMBEDDED="true")


def test_a_child_of_an_embedded_run_belongs_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOURNEYMAN_TEMPORAL_PORT", "9002")
    parent = load_settings({"JOURNEYMAN_DATA_FOLDER": "somewhere"})
    child = load_settings(
        parent.child_environment("postgresql+asyncpg://journeyman@/journeyman?host=/run/socket")
    )
    assert child.is_embedded
    assert child.data_folder == Path("somewhere").resolve()
    assert temporal_connection(child) == {
        "target_host": "127.0.0.1:9002",
        "namespace": "default",
    }


def test_temporal_elsewhere_is_reached_by_the_sdks_own_settings(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TEMPORAL_CONFIG_FILE", str(tmp_path / "none.toml"))
    monkeypatch.setenv("TEMPORAL_ADDRESS", "temporal.example:7233")
    monkeypatch.setenv("TEMPORAL_NAMESPACE", "journeys")
    monkeypatch.setenv("TEMPORAL_API_KEY", "a-key")
    connection = temporal_connection(load_settings(ELSEWHERE))
    assert connection.get("target_host") == "temporal.example:7233"
    assert connection.get("namespace") == "journeys"
    assert connection.get("api_key") == "a-key"
    assert connection.get("tls") is True


async def test_a_lazy_client_needs_no_server_yet() -> None:
    settings = load_settings({"JOURNEYMAN_TEMPORAL_PORT": "1"})
    assert isinstance(await connect_temporal(settings, lazy=True), Client)
    with pytest.raises(RuntimeError):
        await connect_temporal(settings)


def test_rules_elsewhere_come_with_our_catalog_or_with_one_of_their_own(tmp_path: Path) -> None:
    given = {"JOURNEYMAN_POLICIES_FOLDER": str(tmp_path)}
    assert load_settings(given).catalog_folder is None
    (tmp_path / "catalog").mkdir()
    assert load_settings(given).catalog_folder == tmp_path / "catalog"
