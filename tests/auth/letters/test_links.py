"""One-time links: nobody can forge one, and each works once, for its purpose, in its time, under any kept
secret."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import sqlite3
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import permutations
from pathlib import Path

import pytest

from app.auth.errors import LinkInvalid
from app.auth.keys import KeyRing, Purpose
from app.auth.letters import Links
from app.auth.models import LIFETIMES, Link, LinkPurpose
from tests.auth.house import ISSUER, FakeClock, House, house_on
from tests.kit.duet import SECRET

OTHER_SECRET = "another secret of the tests: 9vQ2xL7c"


def links_over(house: House, *secrets: str) -> Links:
    """Links over the house's store, as a process with these secrets makes them."""
    keys = KeyRing(secrets or (SECRET,)).keys(Purpose.LINK)
    return Links(house.store, house.clock, keys, base_url=ISSUER)


async def is_valid(links: Links, token: str, *purposes: LinkPurpose) -> bool:
    """Whether a look at the link, which does not use it up, finds it."""
    try:
        await links.peek(token, *purposes)
    except LinkInvalid:
        return False
    return True


@pytest.mark.parametrize("purpose", LinkPurpose)
async def test_a_link_works_once_and_leads_to_its_page(each_house: House, purpose: LinkPurpose) -> None:
    """Looking at a link, as mail scanners do, does not use it up, and its URL begins with the public one."""
    links = links_over(each_house)
    link = await links.make(purpose, user_id="u1", email="ada@example.com", roles=("a", "b"), created_by="u2")
    page = "verify-email" if purpose is LinkPurpose.CHANGE_EMAIL else purpose.value
    assert links.url(link) == f"{ISSUER}/{page}/{links.token(link)}"
    for _ in range(3):
        assert await links.peek(links.token(link), purpose) == link
    assert await links.take(links.token(link), purpose) == link
    for use in (links.peek, links.take):
        with pytest.raises(LinkInvalid):
            await use(links.token(link), purpose)


@pytest.mark.parametrize("purpose", LinkPurpose)
async def test_a_link_ends_at_its_time(each_house: House, purpose: LinkPurpose) -> None:
    """A link ends to the second: a reset after 30 minutes (item 24), an invitation when its maker said."""
    links, clock = links_over(each_house), each_house.clock
    link, other = await links.make(purpose), await links.make(purpose, lifetime=timedelta(minutes=1))
    assert LIFETIMES[LinkPurpose.RESET_PASSWORD] == timedelta(minutes=30)
    for one, life in ((other, timedelta(minutes=1)), (link, LIFETIMES[purpose])):
        clock.instant = link.created_at + life - timedelta(seconds=1)
        assert await is_valid(links, links.token(one), purpose)
        clock.step(seconds=1)
        assert not await is_valid(links, links.token(one), purpose)
        with pytest.raises(LinkInvalid):
            await links.take(links.token(one), purpose)


async def test_a_link_opens_nothing_but_its_own_door(house: House) -> None:
    """A link is refused for another purpose, even one with the same page, and stays unused."""
    links = links_over(house)
    for purpose, other in permutations(LinkPurpose, 2):
        link = await links.make(purpose)
        for use in (links.peek, links.take):
            with pytest.raises(LinkInvalid):
                await use(links.token(link), other)
        assert await is_valid(links, links.token(link), other, purpose)


async def test_of_fifty_who_use_a_link_at_once_one_gets_it(each_house: House) -> None:
    """One of fifty gets the link, and the others are told that it does not count (item 24)."""
    links = links_over(each_house)
    token = links.token(await links.make(LinkPurpose.RESET_PASSWORD))
    outcomes = await asyncio.gather(
        *[links.take(token, LinkPurpose.RESET_PASSWORD) for _ in range(50)], return_exceptions=True
    )
    assert sum(isinstance(one, Link) for one in outcomes) == 1
    assert sum(isinstance(one, LinkInvalid) for one in outcomes) == 49


async def test_a_rotated_secret_voids_no_link_and_a_dropped_one_does(house: House) -> None:
    """A mail from before a change of secret still works while the old secret is kept (item 35)."""
    purpose = LinkPurpose.RESET_PASSWORD
    old = links_over(house, SECRET)
    link = await old.make(purpose)
    rotated = links_over(house, OTHER_SECRET, SECRET)
    assert await is_valid(rotated, old.token(link), purpose)
    assert rotated.token(link) != old.token(link), "the newest secret signs"
    assert not await is_valid(old, rotated.token(link), purpose)
    assert not await is_valid(links_over(house, OTHER_SECRET), old.token(link), purpose)
    assert await rotated.take(old.token(link), purpose) == link


def _bad_tokens(token: str) -> dict[str, str]:
    id_, mac = token.split(".")
    return {
        "empty": "",
        "the id alone": id_,
        "without a MAC": f"{id_}.",
        "another MAC": f"{id_}.{'A' * 43}",
        "a MAC of another key": f"{id_}.{_mac(b'guessed', id_)}",
        "a MAC of no key": f"{id_}.{_mac(b'', id_)}",
        "cut": token[:-1],
        "padded": token + "=",
        "with a line": token + "\n",
        "in front": " " + token,
        "another last bit": token[:-1] + chr(ord(token[-1]) ^ 1),
        "another id": f"{'A' * 22}.{mac}",
        "in capitals": token.upper(),
        "twice": f"{token}.{mac}",
        "wide": token.replace(".", "\uff0e"),
        "a surrogate": "\ud800" + token[1:],
        "NUL": token[:-1] + "\0",
        "an operator": '{"$ne": null}',
        "long": token * 10_000,
    }


def _mac(key: bytes, link_id: str) -> str:
    return urlsafe_b64encode(hmac.digest(key, f"invite.{link_id}".encode(), hashlib.sha256)).rstrip(b"=").decode()


async def test_no_other_text_is_a_link(each_house: House) -> None:
    """Other texts are refused alike and use nothing up, so knowing a link's id does not help to end it."""
    links = links_over(each_house)
    link = await links.make(LinkPurpose.INVITE)
    for why, bad in _bad_tokens(links.token(link)).items():
        for use in (links.peek, links.take):
            with pytest.raises(LinkInvalid) as refused:
                await use(bad, LinkPurpose.INVITE)
            assert refused.value.message == LinkInvalid.message, why
    assert await is_valid(links, links.token(link), LinkPurpose.INVITE)


@dataclass
class Stolen:
    """A stolen database file, and what was in use when it was stolen."""

    path: Path
    house: House
    tokens: dict[LinkPurpose, str]


@pytest.fixture
async def stolen(tmp_path: Path) -> AsyncIterator[Stolen]:
    """A database with a link of each purpose in it."""
    path = tmp_path / "duet.db"
    async with house_on(f"sqlite:///{path}", clock=FakeClock()) as house:
        links = links_over(house)
        tokens = {purpose: links.token(await links.make(purpose, user_id="u1")) for purpose in LinkPurpose}
        yield Stolen(path, house, tokens)


async def test_a_stolen_database_yields_no_link(stolen: Stolen) -> None:
    """No value of the database, no two values joined, and no hash of one is a token (item 24)."""
    with sqlite3.connect(stolen.path) as database:
        values = {str(value) for row in database.execute("SELECT * FROM links") for value in row if value}
        kept = "\n".join(database.iterdump())
    database.close()
    raw = b"".join(file.read_bytes() for file in stolen.path.parent.iterdir())
    for token in stolen.tokens.values():
        assert token.partition(".")[2] not in kept
        assert token.partition(".")[2].encode() not in raw
    values |= {urlsafe_b64encode(hashlib.sha256(one.encode()).digest()).decode()[:43] for one in values}
    guessed = values | {f"{one}.{other}" for one, other in permutations(values, 2)}
    for text in guessed:
        assert not await is_valid(links_over(stolen.house), text, *LinkPurpose)
