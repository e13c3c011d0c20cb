"""Item 35: what guides print, rows and repetitions are no secrets, and what is random always is one."""

from __future__ import annotations

import base64
import secrets
import uuid
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from app.auth.factors import is_guessable
from app.auth.factors.zxcvbn_names import RANKED_WORDS
from app.settings import SettingsError
from tests.kit.duet import SECRET, make_settings

#: Invented after the kinds that tutorials, templates and compose files print.
WEAK = (Path(__file__).parent / "weak_secrets.txt").read_text().splitlines()
WORDS = sorted(word for word in RANKED_WORDS["english_wikipedia"] if 4 <= len(word) <= 9 and word.isalpha())
#: How many of each kind are tried.
TRIES = 50

RANDOM: dict[str, Callable[[], str]] = {
    "openssl rand -hex 32": lambda: secrets.token_hex(32),
    "openssl rand -hex 16": lambda: secrets.token_hex(16),
    "openssl rand -base64 32": lambda: base64.b64encode(secrets.token_bytes(32)).decode(),
    "openssl rand -base64 24": lambda: base64.b64encode(secrets.token_bytes(24)).decode(),
    "openssl rand -base64 48": lambda: base64.b64encode(secrets.token_bytes(48)).decode(),
    "secrets.token_urlsafe(32)": lambda: secrets.token_urlsafe(32),
    "two of uuid4": lambda: f"{uuid.uuid4()}{uuid.uuid4()}",
    "two of uuid4 in hex": lambda: uuid.uuid4().hex + uuid.uuid4().hex,
    "letters and digits": lambda: "".join(secrets.choice("abcdefghijkmnpqrstuvwxyz23456789") for _ in range(40)),
    "seven words": lambda: " ".join(secrets.choice(WORDS) for _ in range(7)).ljust(32, "."),
    "eight words in one": lambda: "".join(secrets.choice(WORDS).title() for _ in range(8)),
}


@pytest.mark.parametrize("secret", WEAK)
def test_s35_what_guides_print_is_refused(secret: str) -> None:
    """Rows, repetitions and placeholders are guessable, however they are encoded."""
    assert len(secret.encode()) >= 32
    assert is_guessable(secret)


@pytest.mark.parametrize("phrase", ["please-change-me-please-change-me", "qwertyuiopasdfghjklzxcvbnm123456"])
def test_s35_a_phrase_is_weak_in_any_spelling(phrase: str) -> None:
    """Capitals, signs for letters, something short at either end, its reverse and encodings make it no better."""
    leet = phrase.translate(str.maketrans("aeos", "4305"))
    for spelling in (
        phrase.upper(),
        phrase.title(),
        leet,
        f"{phrase}!",
        f"x1{phrase}",
        f" {phrase}\n",
        phrase[::-1],
    ):
        raw = spelling.encode()
        encoded = (base64.b64encode, base64.urlsafe_b64encode, base64.b32encode, base64.b16encode)
        for text in (spelling, *(encode(raw).decode() for encode in encoded), quote(spelling), raw.hex()):
            assert is_guessable(text), text


@pytest.mark.parametrize("make", RANDOM.values(), ids=RANDOM)
def test_s35_what_is_random_is_taken(make: Callable[[], str]) -> None:
    """No random secret is refused by mistake."""
    for secret in {make() for _ in range(TRIES)}:
        assert not is_guessable(secret), secret


def test_s35_a_few_random_words_are_too_few() -> None:
    """Four words that are common are found offline, however long they are."""
    words = [word for word, rank in RANKED_WORDS["english_wikipedia"].items() if len(word) >= 6 and rank < 2000]
    for _ in range(20):
        assert is_guessable("-".join(secrets.choice(words) for _ in range(4)))


GUESSED = "please-change-this-secret-in-production"


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("SECRET_KEY", {"secret_key": GUESSED}),
        ("SECRET_KEY_FALLBACKS", {"secret_key_fallbacks": f"{SECRET}2,{GUESSED}"}),
        ("METRICS_TOKEN", {"metrics_token": GUESSED}),
        ("LEGACY_JWT_KEY", {"legacy_jwt_key": GUESSED, "legacy_jwt_until": "2027-01-31"}),
    ],
)
def test_s35_every_secret_that_a_person_sets_is_judged(tmp_path: Path, name: str, given: dict[str, str]) -> None:
    """The start stops with one line that names the variable and says why, and does not show the value."""
    with pytest.raises(SettingsError, match=rf"^{name} can be guessed") as refused:
        make_settings(tmp_path, **given)
    assert GUESSED not in str(refused.value)
    assert "\n" not in str(refused.value)


def test_s35_a_secret_that_somebody_wrote_into_the_file_is_judged(tmp_path: Path) -> None:
    """What stands in `secret.key` has to be as good as SECRET_KEY."""
    (tmp_path / "secret.key").write_text(f"{GUESSED}\n")
    with pytest.raises(SettingsError, match="can be guessed"):
        make_settings(tmp_path, secret_key="").secrets()


@pytest.mark.parametrize("text", ["", "x", "%", "====", "ß" * 40, "\N{GRINNING FACE}" * 40, "İ" * 40, "x" * 5000])
def test_s35_any_text_is_judged(text: str) -> None:
    """Odd texts are judged as quickly as others, and none of these is a secret."""
    assert is_guessable(text)
