"""The embedded run's issuer: keys of its own, which nobody accepts anywhere else."""

import json
import stat
from pathlib import Path

import jwt
import pytest
from standardwebhooks.webhooks import Webhook

from api.problems import Unauthenticated
from api.tokens import TokenVerifier
from domain.commands import Role
from processes.local_issuer import (
    LocalIssuer,
    SampleSecrets,
    partner_secrets,
    require_own_issuer,
)
from processes.settings import LOCAL_ISSUER, load_settings

ELSEWHERE = {
    "JOURNEYMAN_DATABASE_URL": "postgresql://db.example/journeyman",
    "JOURNEYMAN_ISSUER": "https://login.example",
}


async def test_the_api_believes_a_token_of_the_local_issuer(tmp_path: Path) -> None:
    issuer = LocalIssuer(tmp_path)
    token = issuer.issue_token(Role.CASEWORKER, subject="staff-1", region="440305")
    caller = await TokenVerifier(issuer.key_set, issuer=LOCAL_ISSUER).verify(token)
    assert (caller.subject, caller.role, caller.region) == ("staff-1", Role.CASEWORKER, "440305")


async def test_a_partners_token_speaks_for_that_partner(tmp_path: Path) -> None:
    issuer = LocalIssuer(tmp_path)
    token = issuer.issue_token(Role.PARTNER, subject="system-1", partner="provider-sz-01")
    caller = await TokenVerifier(issuer.key_set, issuer=LOCAL_ISSUER).verify(token)
    assert caller.partner == "provider-sz-01"


async def test_a_token_ends_after_its_hours(tmp_path: Path) -> None:
    issuer = LocalIssuer(tmp_path)
    token = issuer.issue_token(Role.OPERATOR, subject="operator", hours=-1)
    with pytest.raises(Unauthenticated):
        await TokenVerifier(issuer.key_set, issuer=LOCAL_ISSUER).verify(token)


def test_the_key_survives_a_restart_and_differs_between_folders(tmp_path: Path) -> None:
    first = LocalIssuer(tmp_path / "one").key_set.read_text()
    assert LocalIssuer(tmp_path / "one").key_set.read_text() == first
    assert LocalIssuer(tmp_path / "two").key_set.read_text() != first


def test_nobody_else_reads_the_keys(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    LocalIssuer(folder)
    partner_secrets(folder, ["provider-sz-01"])
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}


def test_the_key_set_holds_no_private_part(tmp_path: Path) -> None:
    (key,) = json.loads(LocalIssuer(tmp_path).key_set.read_text())["keys"]
    assert set(key) == {"kty", "use", "alg", "kid", "n", "e"}
    assert jwt.PyJWK(key).key_id == key["kid"]


def test_each_partner_keeps_a_secret_of_its_own(tmp_path: Path) -> None:
    first = partner_secrets(tmp_path, ["provider-sz-01", "exam-sz-01"])
    later = partner_secrets(tmp_path, ["exam-sz-01", "provider-cd-01"])
    assert later["exam-sz-01"] == first["exam-sz-01"]
    assert len({*first.values(), *later.values()}) == 3
    assert all(Webhook(secret) for secret in first.values())


@pytest.mark.parametrize("issuer", [None, LOCAL_ISSUER])
def test_the_local_issuer_is_refused_outside_the_embedded_run(issuer: str | None) -> None:
    environment = {**ELSEWHERE, "JOURNEYMAN_ISSUER": issuer or ""}
    with pytest.raises(SampleSecrets, match="JOURNEYMAN_ISSUER"):
        require_own_issuer(load_settings(environment))


def test_an_issuer_without_keys_is_refused() -> None:
    with pytest.raises(SampleSecrets, match="JOURNEYMAN_ISSUER_KEYS"):
        require_own_issuer(load_settings(ELSEWHERE))


def test_a_local_key_under_another_issuers_name_is_refused(tmp_path: Path) -> None:
    keys = LocalIssuer(tmp_path).key_set
    settings = load_settings({**ELSEWHERE, "JOURNEYMAN_ISSUER_KEYS": str(keys)})
    with pytest.raises(SampleSecrets, match=str(keys)):
        require_own_issuer(settings)


def test_an_issuer_of_ones_own_is_accepted(tmp_path: Path) -> None:
    (tmp_path / "jwks.json").write_text(json.dumps({"keys": [{"kty": "RSA", "kid": "2026-1"}]}))
    settings = load_settings({**ELSEWHERE, "JOURNEYMAN_ISSUER_KEYS": str(tmp_path / "jwks.json")})
    require_own_issuer(settings)
    assert settings.issuer_key_set() == tmp_path / "jwks.json"
