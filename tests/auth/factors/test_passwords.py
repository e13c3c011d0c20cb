"""Passwords: none is cut, none is hashed in vain, and no hash blocks the event loop."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from passlib.hash import bcrypt

from app.auth.errors import InvalidCredentials
from app.auth.factors import Passwords
from app.auth.models import MAX_PASSWORD_LENGTH
from app.auth.refusals import PasswordUnacceptable
from tests.auth.house import API, OTHER_PASSWORD, House
from tests.kit.duet import PASSWORD


@pytest.fixture
def passwords() -> Iterator[Passwords]:
    """Passwords with cheap hashes, in two threads."""
    one = Passwords(rounds=4, threads=2, min_length=15)
    yield one
    one.close()


class Counted:
    """Counts the work that is given to the pool, by wrapping the pool's own `submit`."""

    def __init__(self, passwords: Passwords) -> None:
        self.count = 0
        submit = passwords.queue._pool.submit

        def counting(*args: Any, **kwargs: Any) -> Any:
            self.count += 1
            return submit(*args, **kwargs)

        passwords.queue._pool.submit = counting  # type: ignore[method-assign]


async def test_the_73rd_byte_counts(passwords: Passwords) -> None:
    """bcrypt alone would ignore everything after byte 72."""
    words = PASSWORD.ljust(72, "x")
    short = await passwords.hash(words)
    assert await passwords.verify(words, short) == (True, None)
    for other in (words + "x", words[:-1], words + "x" * 900):
        assert await passwords.verify(other, short) == (False, None)
    accents = PASSWORD + "x" + "é" * 25
    assert len(accents.encode()) == 72
    long = await passwords.hash(accents + "y")
    assert await passwords.verify(accents + "z", long) == (False, None)


async def test_nul_is_a_character_like_any_other(passwords: Passwords) -> None:
    """A password does not end at a NUL, and a NUL is no error."""
    stored = await passwords.hash("before the nul\0after")
    assert (await passwords.verify("before the nul\0after", stored))[0]
    assert not (await passwords.verify("before the nul\0other", stored))[0]
    assert not (await passwords.verify("before the nul", stored))[0]


@pytest.mark.parametrize("char", ["x", "é", "\U0001f600", "\U0001d160"], ids=ascii)
async def test_1024_characters_are_taken_and_none_is_cut(passwords: Passwords, char: str) -> None:
    """The number of bytes does not matter, even for characters that grow in their normal form."""
    password = PASSWORD + char * (MAX_PASSWORD_LENGTH - len(PASSWORD) - 1) + "a"
    stored = await passwords.hash(password)
    assert (await passwords.verify(password, stored))[0]
    assert not (await passwords.verify(password[:-1] + "b", stored))[0]


async def test_more_than_1024_characters_cost_no_hash(passwords: Passwords) -> None:
    """They are refused before anything is computed, for known and unknown users alike."""
    stored = await passwords.hash(PASSWORD.ljust(MAX_PASSWORD_LENGTH, "x"))
    counted = Counted(passwords)
    with pytest.raises(PasswordUnacceptable, match="at most"):
        await passwords.hash("x" * (MAX_PASSWORD_LENGTH + 1))
    assert await passwords.verify("x" * (MAX_PASSWORD_LENGTH + 1), stored) == (False, None)
    assert await passwords.verify("x" * (MAX_PASSWORD_LENGTH + 1), None) == (False, None)
    assert counted.count == 0


async def test_a_long_password_at_the_login_costs_no_hash(house: House) -> None:
    """A real user's overlong password is not hashed either, and is answered like a wrong one."""
    await house.make_user()
    counted = Counted(house.auth.passwords)
    for email in ("ada@example.com", "nobody@example.com"):
        with pytest.raises(InvalidCredentials):
            await house.auth.sessions.log_in(email, "x" * (MAX_PASSWORD_LENGTH + 1), API)
    assert counted.count == 0


@pytest.mark.parametrize("length", [0, 1, 14])
async def test_a_short_password_is_refused_with_the_reason(passwords: Passwords, length: int) -> None:
    """The characters of the normal form are counted, so what looks like one character is one."""
    with pytest.raises(PasswordUnacceptable, match="at least 15"):
        await passwords.hash("e\u0301" * length)
    await passwords.hash("é" * 5 + "où ça mène")


async def test_a_lone_surrogate_is_refused(passwords: Passwords) -> None:
    """JSON and terminals can deliver a lone surrogate, which no bytes stand for; it is no server error."""
    with pytest.raises(PasswordUnacceptable, match="whole characters"):
        await passwords.hash("\ud800" * 20)
    stored = await passwords.hash(PASSWORD)
    assert await passwords.verify("\ud800" * 20, stored) == (False, None)
    assert await passwords.verify("\ud800" * 20, None) == (False, None)


async def test_the_spellings_of_one_password_match(passwords: Passwords) -> None:
    """A keyboard that sends e and an accent matches one that sends é, while other letters stay distinct."""
    stored = await passwords.hash("caf\u00e9 au lait, grand")
    assert (await passwords.verify("cafe\u0301 au lait, grand", stored))[0]
    assert not (await passwords.verify("cafe au lait, grand", stored))[0]
    assert not (await passwords.verify("CAF\u00c9 au lait, grand", stored))[0]


async def test_a_plain_bcrypt_hash_is_upgraded_at_the_login(house: House) -> None:
    """An imported hash verifies, and the first login replaces it while the password stays the same."""
    user = await house.make_user()
    brought = bcrypt.using(rounds=4).hash(PASSWORD)
    assert brought.startswith("$2b$")
    assert await house.store.upgrade_password_hash(user.id, brought, credentials_version=0)
    with pytest.raises(InvalidCredentials):
        await house.auth.sessions.log_in("ada@example.com", OTHER_PASSWORD, API)
    assert (await house.stored(user.id)).password_hash == brought
    await house.auth.sessions.log_in("ada@example.com", PASSWORD, API)
    upgraded = (await house.stored(user.id)).password_hash
    assert upgraded.startswith("$bcrypt-sha256$")
    await house.auth.sessions.log_in("ada@example.com", PASSWORD, API)
    assert (await house.stored(user.id)).password_hash == upgraded


async def test_another_cost_is_taken_over_at_the_login(passwords: Passwords) -> None:
    """After BCRYPT_ROUNDS goes up, each hash is replaced when its password is proven."""
    dearer = Passwords(rounds=5, threads=1, min_length=15)
    stored = await passwords.hash(PASSWORD)
    matches, better = await dearer.verify(PASSWORD, stored)
    dearer.close()
    assert matches
    assert better is not None
    assert "r=5" in better


async def test_an_unknown_user_costs_a_hash_of_the_same_rounds(house: House) -> None:
    """No faster answer reveals that nobody has the email address."""
    user = await house.make_user()
    counted = Counted(house.auth.passwords)
    for email in ("ada@example.com", "nobody@example.com", "not an address"):
        counted.count = 0
        with pytest.raises(InvalidCredentials):
            await house.auth.sessions.log_in(email, OTHER_PASSWORD, API)
        assert counted.count == 1
    cost = re.compile(r"\$bcrypt-sha256\$v=2,t=2b,r=(\d+)\$")
    known, unknown = cost.match(user.password_hash), cost.match(house.auth.passwords._unknown)
    assert known is not None
    assert unknown is not None
    assert known[1] == unknown[1] == "4"


async def test_the_hash_of_an_unknown_user_is_really_computed(
    passwords: Passwords, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stand-in is well-formed, so bcrypt really runs; a malformed one would be rejected at once."""
    import bcrypt as backend

    seen: list[bytes] = []
    hashpw = backend.hashpw

    def watched(password: bytes, salt: bytes) -> bytes:
        seen.append(salt)
        return hashpw(password, salt)

    monkeypatch.setattr(backend, "hashpw", watched)
    await passwords.verify(PASSWORD, await passwords.hash(PASSWORD))
    known = [salt[:7] for salt in seen[-1:]]
    seen.clear()
    assert await passwords.verify(PASSWORD, None) == (False, None)
    assert [salt[:7] for salt in seen] == known == [b"$2b$04$"]


@pytest.mark.parametrize(
    "broken",
    ["", "x", "$2b$", "$2b$04$short", "$bcrypt-sha256$v=2,t=2b,r=99$a$b", "plain", "$2b$04$" + "é" * 53, "\0"],
)
async def test_a_broken_hash_is_no_match(passwords: Passwords, broken: str) -> None:
    """No password matches a damaged row, and no server error comes of it."""
    assert await passwords.verify(PASSWORD, broken) == (False, None)


def test_closing_twice_is_harmless(passwords: Passwords) -> None:
    """The lifespan and a failed start may both close the pool."""
    passwords.close()
    passwords.close()
