"""The partner registry: who sends, with which keys, and what stays when it is entered again."""

from base64 import b64encode
from datetime import datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.senders import SenderKind
from store.partner_keys import (
    MOST_USABLE,
    EndedKey,
    MalformedSecret,
    TooManyKeys,
    UnknownKey,
    key_lines,
    key_of_secret,
    make_key,
    revoke_key,
    rotate_keys,
)
from store.registry import (
    PartnerRow,
    add_partners,
    keys_used,
    partner_by_source,
    save_partners,
)
from tests.store.samples import NEW_SECRET, OLD_SECRET, PARTNERS, PROVIDER, now
from tests.vault import VAULT

SOURCE = f"/partners/{PROVIDER}"
NEXT_SECRET = "whsec_" + b64encode(b"the next key of that provider").decode()
HOUR = timedelta(hours=1)


def moved(**changes: object) -> PartnerRow:
    fields: dict[str, object] = {
        "id": PROVIDER,
        "organization": "school-1",
        "kind": SenderKind.PROVIDER,
        "name": "School",
        "region": "4401",
        "source": SOURCE,
    }
    return PartnerRow.model_validate(fields | changes)


async def keys_at(connection: AsyncConnection, moment: datetime) -> tuple[bytes, ...]:
    found = await partner_by_source(connection, VAULT, SOURCE, moment)
    assert found is not None
    return tuple(key.key for key in found[1])


async def told(connection: AsyncConnection) -> list[str]:
    rows = await connection.scalars(
        text("SELECT action FROM audit_log WHERE about = :of ORDER BY at, sequence"),
        {"of": PROVIDER},
    )
    return list(rows)


def key(*secrets: str) -> tuple[bytes, ...]:
    return tuple(map(key_of_secret, secrets))


async def test_a_partner_is_found_by_its_source_with_its_keys_newest_first(
    store: AsyncEngine,
) -> None:
    async with store.connect() as connection:
        found = await partner_by_source(connection, VAULT, SOURCE, now())
        assert found is not None
        assert found[0].id == PROVIDER
        assert await keys_at(connection, now()) == key(NEW_SECRET, OLD_SECRET)
        assert await partner_by_source(connection, VAULT, "/partners/nobody", now()) is None


async def test_saving_a_partner_again_replaces_it_and_the_named_keys_only(
    store: AsyncEngine,
) -> None:
    async with store.begin() as connection:
        await save_partners(connection, VAULT, [moved()], {})
        assert await keys_at(connection, now()) == key(NEW_SECRET, OLD_SECRET)
        await save_partners(connection, VAULT, [moved()], {PROVIDER: (NEXT_SECRET,)})
        assert await keys_at(connection, now()) == key(NEXT_SECRET)
        found = await partner_by_source(connection, VAULT, SOURCE, now())
        assert found is not None
        assert found[0] == moved()


async def test_entering_the_same_again_changes_nothing_and_tells_nothing(
    store: AsyncEngine,
) -> None:
    held = {PROVIDER: (NEW_SECRET, OLD_SECRET)}
    async with store.begin() as connection:
        before = await key_lines(connection, PROVIDER), await told(connection)
        await save_partners(connection, VAULT, PARTNERS, held)
        await add_partners(connection, VAULT, PARTNERS, held)
        assert (await key_lines(connection, PROVIDER), await told(connection)) == before
        revision = text("SELECT revision FROM partners WHERE partner_id = :of")
        assert await connection.scalar(revision, {"of": PROVIDER}) == 1


async def test_adding_leaves_what_was_changed_or_revoked_since(store: AsyncEngine) -> None:
    async with store.begin() as connection:
        await save_partners(connection, VAULT, [moved()], {})
        newest, _ = await key_lines(connection, PROVIDER)
        await revoke_key(connection, PROVIDER, newest.key_id, now())
        await add_partners(connection, VAULT, PARTNERS, {PROVIDER: (NEW_SECRET,)})
        found = await partner_by_source(connection, VAULT, SOURCE, now())
        assert found is not None
        assert found[0] == moved()
        assert await keys_at(connection, now()) == key(OLD_SECRET)


async def test_a_revoked_secret_is_never_good_again(store: AsyncEngine) -> None:
    async with store.begin() as connection:
        await save_partners(connection, VAULT, [], {PROVIDER: (NEXT_SECRET,)})
        with pytest.raises(EndedKey, match=PROVIDER):
            await save_partners(connection, VAULT, [], {PROVIDER: (OLD_SECRET,)})


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "whsec_",
        "whsec_new",
        b64encode(bytes(32)).decode(),
        "whsec_" + b64encode(bytes(23)).decode(),
        "whsec_" + b64encode(bytes(65)).decode(),
        "whsec_" + "é" * 44,
        "whsec_" + "-_" * 22,
    ],
)
async def test_a_malformed_secret_is_refused_and_not_repeated(
    store: AsyncEngine, secret: str
) -> None:
    async with store.begin() as connection:
        with pytest.raises(MalformedSecret) as refused:
            await save_partners(connection, VAULT, [], {PROVIDER: (secret,)})
    assert not secret[6:] or secret[6:] not in str(refused.value)


async def test_no_secret_lies_open_in_the_database(store: AsyncEngine) -> None:
    async with store.connect() as connection:
        rows = (await connection.execute(text("SELECT k::text FROM partner_keys AS k"))).scalars()
        kept = "".join(rows)
    for secret in (NEW_SECRET, OLD_SECRET):
        assert secret[6:] not in kept
        assert key_of_secret(secret).hex() not in kept


async def test_after_a_rotation_both_keys_are_good_until_the_overlap_is_over(
    store: AsyncEngine,
) -> None:
    moment = now()
    async with store.begin() as connection:
        made, ended = await rotate_keys(connection, VAULT, PROVIDER, HOUR, by="op-1", now=moment)
        assert len(ended) == 2
        during = await keys_at(connection, moment + HOUR - timedelta(seconds=1))
        after = await keys_at(connection, moment + HOUR)
    assert set(during) == set(key(made.secret, NEW_SECRET, OLD_SECRET))
    assert after == key(made.secret)


async def test_a_second_rotation_never_gives_an_old_key_more_time(store: AsyncEngine) -> None:
    moment = now()
    async with store.begin() as connection:
        await rotate_keys(connection, VAULT, PROVIDER, HOUR, by="op-1", now=moment)
        made, _ = await rotate_keys(connection, VAULT, PROVIDER, 9 * HOUR, by="op-1", now=moment)
        assert len(await keys_at(connection, moment + 2 * HOUR)) == 2
        assert await keys_at(connection, moment + 9 * HOUR) == key(made.secret)


async def test_a_partner_has_no_more_than_so_many_usable_keys(store: AsyncEngine) -> None:
    async with store.begin() as connection:
        for _ in range(MOST_USABLE - 2):
            await make_key(connection, VAULT, PROVIDER, by="op-1", now=now())
        with pytest.raises(TooManyKeys):
            await make_key(connection, VAULT, PROVIDER, by="op-1", now=now())
        made, _ = await rotate_keys(connection, VAULT, PROVIDER, 0 * HOUR, by="op-1", now=now())
        assert await keys_at(connection, now()) == key(made.secret)


async def test_revoking_is_immediate_and_knows_whose_key_it_is(store: AsyncEngine) -> None:
    async with store.begin() as connection:
        newest, oldest = await key_lines(connection, PROVIDER)
        assert await revoke_key(connection, PROVIDER, newest.key_id, now())
        assert not await revoke_key(connection, PROVIDER, newest.key_id, now())
        assert await keys_at(connection, now()) == key(OLD_SECRET)
        with pytest.raises(UnknownKey):
            await revoke_key(connection, "registry-gd", oldest.key_id, now())


async def test_the_last_use_of_a_key_never_goes_back(store: AsyncEngine) -> None:
    moment = now()
    async with store.begin() as connection:
        newest, _ = await key_lines(connection, PROVIDER)
        await keys_used(connection, {newest.key_id: moment})
        await keys_used(connection, {newest.key_id: moment - HOUR})
        newest, oldest = await key_lines(connection, PROVIDER)
    assert newest.last_used_at == moment
    assert oldest.last_used_at is None


async def test_what_is_entered_is_told_in_the_audit_log_without_a_secret(
    store: AsyncEngine,
) -> None:
    async with store.begin() as connection:
        await save_partners(connection, VAULT, [moved()], {PROVIDER: (NEXT_SECRET,)})
        assert await told(connection) == [
            "partner.written",
            "partner.key_created",
            "partner.key_created",
            "partner.written",
            "partner.key_revoked",
            "partner.key_revoked",
            "partner.key_created",
        ]
        details = await connection.scalars(text("SELECT detail FROM audit_log"))
        assert "whsec" not in "".join(details)
