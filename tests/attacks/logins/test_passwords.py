"""Item 22: passwords, wherever people choose one or log in with one."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from app.auth.models import MAX_PASSWORD_LENGTH
from tests.attacks.conftest import Visit, new_address
from tests.attacks.logins.ways import WAYS, Way, logs_in, post, register_api, register_page, try_api, try_page
from tests.kit.duet import Running

every_way = pytest.mark.parametrize("choose", WAYS, ids=lambda way: way.__name__)
#: 1,024 characters; 1,058 in the form in which each accent is a separate character.
LONGEST = (
    "un café crème où ça coûte 🦭 " + "seven sober walruses hum and then some " * 25 + "0123456789 end ab"[:20]
)
LONGEST = LONGEST.ljust(MAX_PASSWORD_LENGTH - 2, "z") + "éa"


@every_way
def test_s22_what_is_too_weak_is_refused_with_the_reason(house: Running, choose: Way) -> None:
    """Short, common, sequential, personal and overlong passwords are refused wherever one is chosen."""
    weak = {
        "kq-zvx-wpt-jhb": "at least 15 characters",
        unicodedata.normalize("NFD", "éèçàùöñåêâ"): "at least 15 characters",
        "qwertyuiopasdfgh": "row of keys",
        "iloveyouforever1": "tried first",
        "wilhelmina.krautmann2026": "your name, your address",
        "DuetDuet-Duet2026": "name of this site|repeats itself",
        "x7" * 513: "at most 1,024",
    }
    for password, reason in weak.items():
        email = f"wilhelmina.krautmann@{new_address().replace('@', '.')}"
        result = choose(house, email, password)
        assert not result.is_taken, password
        assert re.search(reason, result.text), f"{password[:30]}: {result.text}"
        assert password not in result.text


@every_way
def test_s22_nothing_is_cut_off_and_unicode_has_one_spelling(house: Running, choose: Way) -> None:
    """All 1,024 characters count on both halves, however a keyboard composes accents."""
    assert len(LONGEST) == MAX_PASSWORD_LENGTH
    email = new_address()
    assert choose(house, email, unicodedata.normalize("NFC", LONGEST)).is_taken
    assert logs_in(house, email, LONGEST)
    for other in (LONGEST[:-1] + "b", LONGEST[:-1], LONGEST[:72], LONGEST.replace("é", "e"), LONGEST.upper()):
        assert not logs_in(house, email, other)


@pytest.mark.parametrize("choose", [register_page, register_api])
def test_s22_no_mixture_of_signs_is_asked_for(house: Running, choose: Way) -> None:
    """Fifteen lower-case letters or digits will do, with blanks, in another alphabet, with accents in either
    form."""
    for password in (
        "kqzvxwptjhbmdrg",
        "830174692855317",
        "wal rus hum zen",
        "зонтик ест луну",
        "🦭🌚🧵🥁🪐🦔🧀🚲🪵🎻🛶🧂🐌🪗🥝",
    ):
        assert len(password) == 15
        email = new_address()
        assert choose(house, email, password).is_taken, password
        assert logs_in(house, email, password)
    email, accented = new_address(), unicodedata.normalize("NFD", "un café crème, où ça coûte")
    assert choose(house, email, accented).is_taken
    assert logs_in(house, email, unicodedata.normalize("NFC", accented))
    assert logs_in(house, email, accented)


@pytest.mark.parametrize("choose", [register_page, register_api])
def test_s22_neither_72_bytes_nor_nul_nor_blanks_end_a_password(house: Running, choose: Way) -> None:
    """A password counts past the places where bcrypt, C and tidying forms would cut it off."""
    seventy_two = "seven sober walruses hum".ljust(72, "!")
    for password, others in {
        seventy_two: [seventy_two + "!", seventy_two[:71]],
        "é" * 35 + "x7Qm2kZp": ["é" * 35 + "x7Qm2kZq"],
        "before the nul\0after the nul": ["before the nul\0other", "before the nul"],
        " blanks at both ends count ": ["blanks at both ends count", " blanks at both ends count"],
    }.items():
        email = new_address()
        result = choose(house, email, password)
        assert result.is_taken, (password, result.text)
        assert logs_in(house, email, password)
        for other in others:
            assert not logs_in(house, email, other)


@contextmanager
def hashes(duet: Running) -> Iterator[list[Any]]:
    """The work that the hashing threads get within the block."""
    pool = duet.auth.passwords.queue._pool
    submit, given = pool.submit, list[Any]()

    def noting(*arguments: Any, **named: Any) -> Any:
        given.append(arguments)
        return submit(*arguments, **named)

    pool.submit = noting  # type: ignore[method-assign]
    try:
        yield given
    finally:
        del pool.submit


def test_s22_too_much_is_refused_before_anything_is_hashed(house: Running, email: str) -> None:
    """A password of up to a megabyte costs no hash at any door, with or without an account."""
    with hashes(house) as given:
        for address in (email, new_address()):
            for size, api, page, registration in (
                (MAX_PASSWORD_LENGTH + 1, (400,), (401, 422), 422),
                (60_000, (400,), (401, 422), 422),
                (900_000, (413,), (413,), 413),
            ):
                password = "x" * size
                assert try_api(house, address, password).status_code in api
                assert try_page(house, address, password).status_code in page
                body = {"email": address, "password": password}
                assert post(house, "/api/users", json=body).status_code == registration
        assert given == []
        try_api(house, email, "x" * MAX_PASSWORD_LENGTH)
        assert len(given) == 1


def test_s22_pasting_is_allowed(visit: Visit, email: str) -> None:
    """No page with a password field and no script prevents pasting or takes less than may be chosen."""
    browser, stranger = visit(email), visit()
    pages = [stranger.get(path) for path in ("/login", "/register")]
    pages += [
        browser.get(path) for path in ("/account/password", "/account/email", "/account/delete", "/reauthenticate")
    ]
    for page in pages:
        fields = re.findall(r'<input[^>]*type="password"[^>]*>', page.text)
        assert fields, page.url
        for field in fields:
            assert not re.search(r'\son\w+=|readonly|autocomplete="off"', field), field
            assert re.search(r'autocomplete="(current|new)-password"', field), field
            most = re.search(r'maxlength="(\d+)"', field)
            assert most is None or int(most[1]) > MAX_PASSWORD_LENGTH, field
        for script in re.findall(r'<script[^>]*src="([^"]+)"', page.text):
            assert not re.search(r"paste|clipboard", browser.get(script).text, re.IGNORECASE), script
