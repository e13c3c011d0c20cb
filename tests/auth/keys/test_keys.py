"""Keys derived from the deployment's secrets."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.auth.errors import InvalidGrant, TokenInvalid
from app.auth.keys import KeyRing, Purpose
from tests.auth.house import API, FakeClock, house_on
from tests.kit.duet import PASSWORD, SECRET

OLD = "the secret of last year: 7hQ2xV9bLm4c"


def test_every_purpose_has_its_own_key() -> None:
    """No two purposes share a key or a name, and no key holds the secret that it comes from."""
    ring = KeyRing([SECRET, OLD])
    keys = [key for purpose in Purpose for key in ring.keys(purpose)]
    assert len({key.secret for key in keys}) == len({key.kid for key in keys}) == 2 * len(Purpose)
    assert all(len(key.secret) == 32 for key in keys)


def test_the_same_secret_gives_the_same_keys() -> None:
    """Two containers with one secret have the same keys, and another secret gives other keys."""
    assert KeyRing([SECRET]).keys(Purpose.CSRF) == KeyRing([SECRET]).keys(Purpose.CSRF)
    assert KeyRing([SECRET]).keys(Purpose.CSRF) != KeyRing([OLD]).keys(Purpose.CSRF)


def test_a_key_s_name_and_its_repr_tell_nothing_of_it() -> None:
    """`kid` is in every token, and a repr may end up in a log."""
    [key] = KeyRing([SECRET]).keys(Purpose.ACCESS_TOKEN)
    assert key.kid not in key.secret.hex()
    assert len(key.kid) == 12
    for spelling in (key.secret.hex(), repr(key.secret), SECRET):
        assert spelling not in repr(key)


def test_a_ring_without_a_secret_is_refused() -> None:
    """A key ring needs at least one secret, because there is no default."""
    with pytest.raises(ValueError, match="at least one"):
        KeyRing([])


async def test_a_fallback_verifies_and_never_signs(tmp_path: Path) -> None:
    """A change of secret logs nobody out, and what is issued from then on needs only the new secret."""
    url, clock = f"sqlite:///{tmp_path / 'duet.db'}", FakeClock()
    async with house_on(url, clock=clock, secrets=[OLD]) as before:
        await before.make_user()
        old = await before.auth.sessions.log_in("ada@example.com", PASSWORD, API)
        second = await before.auth.sessions.log_in("ada@example.com", PASSWORD, API)
    assert old.refresh_token is not None
    assert second.refresh_token is not None
    async with house_on(url, clock=clock, secrets=[SECRET, OLD]) as between:
        assert between.auth.sessions.authenticate(old.access_token) == old.principal
        new = await between.auth.refreshing.refresh(old.refresh_token, API)
        assert new.refresh_token is not None
    async with house_on(url, clock=clock, secrets=[SECRET]) as after:
        # Dropping a secret ends what it signed.
        with pytest.raises(TokenInvalid):
            after.auth.sessions.authenticate(old.access_token)
        with pytest.raises(InvalidGrant):
            await after.auth.refreshing.refresh(second.refresh_token, API)
        after.auth.sessions.authenticate(new.access_token)
        await after.auth.refreshing.refresh(new.refresh_token, API)
