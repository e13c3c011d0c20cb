"""The key of an earlier system in the settings: what is refused, and why, before anybody can use it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from app.foundation import auth_config
from app.settings import Settings, SettingsError, load
from tests.kit.duet import SECRET, make_settings

KEY = "the earlier system's own: b7Kq92_xWv"
TODAY = datetime.now(UTC).date()
UNTIL = (TODAY + timedelta(days=30)).isoformat()

PAIRS: dict[str, Callable[[], Any]] = {
    "RSA-2048": lambda: rsa.generate_private_key(65537, 2048),
    "RSA-1024": lambda: rsa.generate_private_key(65537, 1024),
    "P-256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "P-384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "Ed25519": ed25519.Ed25519PrivateKey.generate,
    "Ed448": ed448.Ed448PrivateKey.generate,
}


def private_pem(kind: str, form: PrivateFormat = PrivateFormat.PKCS8) -> str:
    """The private half of a new pair."""
    return PAIRS[kind]().private_bytes(Encoding.PEM, form, NoEncryption()).decode()  # type: ignore[no-any-return]


def public_pem(kind: str, form: PublicFormat = PublicFormat.SubjectPublicKeyInfo) -> str:
    """The public half of a new pair."""
    return PAIRS[kind]().public_key().public_bytes(Encoding.PEM, form).decode()  # type: ignore[no-any-return]


def loaded(**variables: str) -> Settings:
    """The settings from an environment with these variables beside a secret."""
    given = {"SECRET_KEY": SECRET, "LEGACY_JWT_UNTIL": UNTIL, **variables}
    return load(given, env_file=None)


def refusal(**variables: str) -> str:
    """The line that stops the start; it never shows the key."""
    with pytest.raises(SettingsError) as caught:
        loaded(**variables)
    line = str(caught.value)
    assert "\n" not in line
    key = variables.get("LEGACY_JWT_KEY", "")
    assert not key or key not in line
    return line


def test_a_good_secret_is_taken() -> None:
    """A good secret is taken with its last day and everything that the settings say about its tokens."""
    settings = loaded(
        LEGACY_JWT_KEY=KEY,
        LEGACY_JWT_ALGORITHM="HS512",
        LEGACY_JWT_ISSUER="earlier",
        LEGACY_JWT_AUDIENCE="people",
        LEGACY_JWT_USER_CLAIM="identity",
    )
    earlier = auth_config(settings).earlier
    assert earlier is not None
    assert (earlier.key, earlier.algorithm, earlier.user_claim) == (KEY, "HS512", "identity")
    assert (earlier.issuer, earlier.audience, earlier.until) == ("earlier", "people", date.fromisoformat(UNTIL))
    assert KEY not in repr(settings) + repr(auth_config(settings))


def test_without_a_key_there_is_nothing() -> None:
    """Without a key no token of an earlier system counts."""
    assert auth_config(load({"SECRET_KEY": SECRET}, env_file=None)).earlier is None


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("your-secret-key", "well-known"),
        ("super-secret", "well-known"),
        ("JWT-SECRET-KEY", "well-known"),
        ("supersecret" * 4, "well-known"),
        ("09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7", "well-known"),
        ("192b9bdd22ab9ed4d12e236c78afcb9a393ec15f71bbf5dc987d54727823bcbf", "well-known"),
        ("k9_Zq81-vB", "shorter than 32 bytes"),
        (KEY[:31], "shorter than 32 bytes"),
        ("abcabc" * 6, "too few different"),
    ],
)
def test_a_secret_that_can_be_guessed_is_refused(key: str, reason: str) -> None:
    """Anyone who guesses the key makes tokens for anybody. Attackers try tutorials' examples first, however
    long."""
    line = refusal(LEGACY_JWT_KEY=key)
    assert line.startswith("LEGACY_JWT_KEY ")
    assert reason in line


@pytest.mark.parametrize("name", ["SECRET_KEY", "SECRET_KEY_FALLBACKS"])
def test_duets_own_secret_is_refused(name: str) -> None:
    """A secret that others had for years can't be what everything here is derived from."""
    line = refusal(**{"LEGACY_JWT_KEY": KEY, name: KEY})
    assert line.startswith("LEGACY_JWT_KEY is SECRET_KEY or one of its fallbacks")


def test_a_key_needs_an_end() -> None:
    """The last day has to be given, and is no more than a year away."""
    assert refusal(LEGACY_JWT_KEY=KEY, LEGACY_JWT_UNTIL="").startswith("LEGACY_JWT_UNTIL is required")
    far = (TODAY + timedelta(days=367)).isoformat()
    assert refusal(LEGACY_JWT_KEY=KEY, LEGACY_JWT_UNTIL=far).startswith("LEGACY_JWT_UNTIL is more than a year")
    loaded(LEGACY_JWT_KEY=KEY, LEGACY_JWT_UNTIL=(TODAY + timedelta(days=365)).isoformat())
    # Afterwards the tokens are still recognised, so that their owners are told what to do.
    loaded(LEGACY_JWT_KEY=KEY, LEGACY_JWT_UNTIL="2020-01-31")


@pytest.mark.parametrize(
    "day", ["soon", "1767225600", "2026-02-30", "2026-1-1", "20260101", "2026-01-01T00:00:00", "2026-W01-1"]
)
def test_the_end_is_a_date(day: str) -> None:
    """The date has one form; pydantic alone would read numbers as seconds since 1970."""
    assert refusal(LEGACY_JWT_KEY=KEY, LEGACY_JWT_UNTIL=day).startswith("LEGACY_JWT_UNTIL: is not a date")


@pytest.mark.parametrize("name", ["LEGACY_JWT_UNTIL", "LEGACY_JWT_ISSUER", "LEGACY_JWT_AUDIENCE"])
def test_the_rest_needs_a_key(name: str) -> None:
    """A last day without a key is refused, because somebody would believe that tokens count although none does."""
    value = UNTIL if name == "LEGACY_JWT_UNTIL" else "earlier"
    assert refusal(**{"LEGACY_JWT_UNTIL": "", name: value}) == f"{name} is set, and LEGACY_JWT_KEY is not"


GOOD = {"RS256": "RSA-2048", "ES256": "P-256", "EdDSA": "Ed25519"}


@pytest.mark.parametrize("algorithm", GOOD)
def test_a_public_key_fits_its_algorithm_alone(algorithm: str) -> None:
    """A public key is taken for its own algorithm alone, and no other kind, size or curve is taken for it."""
    loaded(LEGACY_JWT_KEY=public_pem(GOOD[algorithm]), LEGACY_JWT_ALGORITHM=algorithm)
    for kind in PAIRS:
        if kind != GOOD[algorithm]:
            line = refusal(LEGACY_JWT_KEY=public_pem(kind), LEGACY_JWT_ALGORITHM=algorithm)
            assert line.startswith("LEGACY_JWT_KEY is a")


def test_a_public_key_is_read_however_it_is_written() -> None:
    """A public key may have RSA's older form, or backslashes for line breaks, as many secret stores return it."""
    loaded(LEGACY_JWT_KEY=public_pem("RSA-2048", PublicFormat.PKCS1), LEGACY_JWT_ALGORITHM="RS256")
    loaded(LEGACY_JWT_KEY=public_pem("P-256").replace("\n", "\\n"), LEGACY_JWT_ALGORITHM="ES256")


def test_a_short_rsa_key_is_refused() -> None:
    """An RSA key of 1,024 bits is refused, because it can be factored."""
    line = refusal(LEGACY_JWT_KEY=public_pem("RSA-1024"), LEGACY_JWT_ALGORITHM="RS256")
    assert "fewer than 2048 bits" in line


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
@pytest.mark.parametrize("kind", ["RSA-2048", "P-256", "Ed25519"])
def test_a_public_key_is_no_hmac_secret(algorithm: str, kind: str) -> None:
    """A public key is refused as an HMAC secret: everybody has it and could sign with it (RFC 8725 section
    2.1)."""
    line = refusal(LEGACY_JWT_KEY=public_pem(kind), LEGACY_JWT_ALGORITHM=algorithm)
    assert line.startswith("LEGACY_JWT_KEY is a key in PEM")


@pytest.mark.parametrize(("algorithm", "kind"), GOOD.items())
def test_a_private_key_is_refused(algorithm: str, kind: str) -> None:
    """A private key does not belong here, and the line that refuses it does not show it."""
    line = refusal(LEGACY_JWT_KEY=private_pem(kind), LEGACY_JWT_ALGORITHM=algorithm)
    assert line.startswith("LEGACY_JWT_KEY is a private key")


@pytest.mark.parametrize("algorithm", GOOD)
@pytest.mark.parametrize(
    "key", [KEY, "-----BEGIN PUBLIC KEY-----\nhush\n-----END PUBLIC KEY-----", "-----BEGIN CERTIFICATE-----"]
)
def test_what_is_no_public_key_is_refused(algorithm: str, key: str) -> None:
    """A secret, a damaged key and a certificate are refused."""
    line = refusal(LEGACY_JWT_KEY=key, LEGACY_JWT_ALGORITHM=algorithm)
    assert line.startswith("LEGACY_JWT_KEY is not a public key in PEM")


def test_the_key_may_lie_in_a_file(tmp_path: Path) -> None:
    """A key of several lines is awkward in an environment, so it may be in a file."""
    pem = public_pem("Ed25519")
    (tmp_path / "key.pem").write_text(pem)
    settings = loaded(LEGACY_JWT_KEY_FILE=str(tmp_path / "key.pem"), LEGACY_JWT_ALGORITHM="EdDSA")
    assert settings.legacy_jwt_key.get_secret_value() == pem.strip()


def test_the_secret_that_duet_made_is_no_earlier_key(tmp_path: Path) -> None:
    """Duet's own secret would sign tokens of another form, for anyone who has it elsewhere, so it is refused."""
    made = make_settings(tmp_path, secret_key="").secrets()[0]
    until = TODAY + timedelta(days=9)
    settings = make_settings(tmp_path, secret_key="", legacy_jwt_key=made, legacy_jwt_until=until)
    with pytest.raises(SettingsError, match="LEGACY_JWT_KEY"):
        settings.secrets()
