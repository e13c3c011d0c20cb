"""Sessions begin in one place only, with a proof of who is logging in."""

from __future__ import annotations

import ast
from datetime import timedelta
from pathlib import Path

import pytest

import app
from app.auth.errors import InvalidCredentials
from app.auth.factors import ProvenLogin
from app.auth.models import SCOPE
from tests.auth.house import API, OTHER_PASSWORD, House
from tests.kit.duet import PASSWORD

EMAIL = "ada@example.com"


def callers(name: str) -> set[str]:
    """The modules of `app/`, apart from the stores, that call a method of that name."""
    root = Path(app.__file__).parent
    found = set()
    for source in root.rglob("*.py"):
        text = source.read_text()
        if name not in text:  # parsing takes long, and few modules name it
            continue
        tree = ast.parse(text)
        calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
        if any(isinstance(called, ast.Attribute) and called.attr == name for called in calls):
            found.add(str(source.relative_to(root)))
    return found


def test_nothing_else_stores_a_session() -> None:
    """Only one module stores sessions and one begins them, so each login says what was proven and how."""
    assert callers("add_session") == {"auth/sessions/entrance.py"}
    assert callers("proceed") == {"auth/sessions/sessions.py"}


async def proven(house: House) -> ProvenLogin:
    """The proof of a password."""
    return await house.auth.proving.by_password(EMAIL, PASSWORD, API)


async def test_a_session_says_what_was_proven_by_what_and_when(each_house: House) -> None:
    """The store and every access token of the session say it."""
    house = each_house
    user = await house.make_user()
    proof = await proven(house)
    assert (proof.user, proof.amr, proof.at) == (user, ("pwd",), house.clock.now())
    house.clock.step(minutes=1)
    pair = await house.auth.sessions.entrance.proceed(proof, API, scope=SCOPE)
    found = await house.store.session_with_user(pair.principal.session_id)
    assert found is not None
    assert (found.session.amr, found.session.auth_time) == (("pwd",), proof.at)
    assert found.session.created_at == proof.at + timedelta(minutes=1)
    assert (pair.principal.amr, pair.principal.auth_time) == (("pwd",), proof.at)


async def test_another_proof_is_told_as_what_it_is(house: House) -> None:
    """The token names the actual kinds of proof, and still does after a refresh."""
    await house.make_user()
    proof = await proven(house)
    other = ProvenLogin(proof.user, ("otp", "pwd", "mfa"), proof.at, proof.candidate, proof.guess)
    pair = await house.auth.sessions.entrance.proceed(other, API, scope=SCOPE)
    assert pair.refresh_token is not None
    later = await house.auth.refreshing.refresh(pair.refresh_token, API)
    assert pair.principal.amr == later.principal.amr == ("otp", "pwd", "mfa")


@pytest.mark.parametrize("by", ["owner", "operator", "reset"])
async def test_a_proof_is_worth_nothing_after_a_new_password(each_house: House, by: str) -> None:
    """However the password was replaced, a proof of the old one begins no session."""
    house = each_house
    user = await house.make_user()
    pair = await house.auth.sessions.log_in(EMAIL, PASSWORD, API)
    proof = await proven(house)
    credentials = house.auth.credentials
    if by == "owner":
        await credentials.change_password(pair.principal, PASSWORD, OTHER_PASSWORD, API)
    elif by == "operator":
        await credentials.set_password(user.id, OTHER_PASSWORD, API)
    else:
        await credentials.forgot(EMAIL, API)
        [mail] = await house.mails()
        await credentials.reset(mail.link.rpartition("/")[2], OTHER_PASSWORD, API)
    with pytest.raises(InvalidCredentials):
        await house.auth.sessions.entrance.proceed(proof, API, scope=SCOPE)
    left = [session.id for session in await house.store.sessions_of(user.id, now=house.clock.now())]
    assert left == ([pair.principal.session_id] if by == "owner" else [])
