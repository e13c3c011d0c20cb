"""Extensions add claims to the access token, but never Duet's own, never too many, and never in anybody's way."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from typing import Any

import pytest
from structlog.testing import capture_logs

from app.auth.extending import ExtraClaims
from app.auth.extending.claims import MAX_BYTES, RESERVED
from app.auth.models import User
from app.auth.policy import PolicyError
from app.auth.tokens.access import _CLAIMS
from tests.auth.house import FakeClock

ADA = User("user-1", "ada@example.com", "ada@example.com", "hash", FakeClock().now())


def saying(value: Any) -> Any:
    """A claim function that returns the value for every user."""

    async def say(user: User) -> Any:
        if isinstance(value, BaseException):
            raise value
        return value

    return say


async def of(**values: Any) -> dict[str, Any]:
    """Ada's claims when each extension returns one of `values`."""
    extra = ExtraClaims(seconds=0.05)
    for name, value in values.items():
        extra.add(name, saying(value), owner=f"team {name}")
    return await extra.of(ADA)


class Color(StrEnum):
    """An enum that is text in JSON."""

    RED = "red"


async def test_claims_are_plain_json() -> None:
    """Returned values become plain JSON: tuples become lists, and text enums become text."""
    assert await of(team="red", teams=("a", "b"), plan={"seats": 3}, color=Color.RED, none=None) == {
        "team": "red",
        "teams": ["a", "b"],
        "plan": {"seats": 3},
        "color": "red",
        "none": None,
    }
    assert type((await of(color=Color.RED))["color"]) is str
    assert await ExtraClaims().of(ADA) == {}


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (ValueError("secret of ada@example.com"), "ValueError"),
        (asyncio.CancelledError(), "RuntimeError"),
        ({1, 2}, "TypeError"),
        (b"bytes", "TypeError"),
        (float("nan"), "ValueError"),
        (float("-inf"), "ValueError"),
        ("\ud800", "UnicodeEncodeError"),
        ({"\udfff": 1}, "UnicodeEncodeError"),
        ({(1, 2): 3}, "TypeError"),
        (ADA, "TypeError"),
    ],
    ids=lambda value: "a user" if value is ADA else repr(value),  # whose repr has the time in it
)
async def test_what_is_no_json_is_left_out(value: Any, error: str) -> None:
    """The failure is logged with owner and claim and nothing about the user, and the other claims are kept."""
    with capture_logs() as lines:
        assert await of(bad=value, good=1) == {"good": 1}
    (line,) = lines
    assert (line["event"], line["owner"], line["claim"]) == ("claim_failed", "team bad", "bad")
    assert line["error"] == error
    assert not any(word in str(line) for word in ("ada@", "user-1"))


async def test_what_never_ends_is_left_out() -> None:
    """A circular or endlessly nested value, or a function that does not return in time, is left out."""
    circle: list[Any] = []
    circle.append(circle)
    deep: list[Any] = []
    for _ in range(20):
        deep = [deep]
    extra = ExtraClaims(seconds=0.02)
    extra.add("circle", saying(circle), owner="a")
    extra.add("deep", saying(deep), owner="b")

    async def never(user: User) -> None:
        await asyncio.Event().wait()

    extra.add("never", never, owner="c")
    with capture_logs() as lines:
        assert await extra.of(ADA) == {}
    assert sorted((line["claim"], line["error"]) for line in lines) == [
        ("circle", "ValueError"),
        ("deep", "ValueError"),
        ("never", "TimeoutError"),
    ]


async def test_functions_are_asked_at_the_same_time() -> None:
    """Each function waits for all the others, which would hang if they ran one after another."""
    barrier, extra = asyncio.Barrier(3), ExtraClaims()

    async def meet(user: User) -> int:
        async with barrier:
            return 1

    for name in "abc":
        extra.add(name, meet, owner="team")
    assert await extra.of(ADA) == {"a": 1, "b": 1, "c": 1}


@pytest.mark.parametrize(("length", "fits"), [(MAX_BYTES - 8, True), (MAX_BYTES - 7, False)])
async def test_all_together_have_a_limit(length: int, fits: bool) -> None:
    """Beyond the limit all claims are left out, so that a partial set misleads nobody, and the log says so."""
    with capture_logs() as lines:
        claims = await of(a="x" * length)
    assert bool(claims) == fits
    assert [line["event"] for line in lines] == ([] if fits else ["claims_too_large"])
    half = "ö" * (MAX_BYTES // 12)  # six bytes each in the token
    with capture_logs() as lines:
        assert await of(a=half, b=half) == {}
    (line,) = lines
    assert (line["owner"], line["most"]) == ("team a,team b", MAX_BYTES)


@pytest.mark.parametrize("name", [*sorted(RESERVED), "duet_", "duet_anything", "ISS", "Sub", "DUET_x"])
def test_reserved_names_stop_the_start(name: str) -> None:
    """Libraries that read tokens, or Duet itself, give the reserved names a meaning."""
    with pytest.raises(PolicyError, match=f"extension team: the claim '{name}' is reserved"):
        ExtraClaims().add(name, saying(1), owner="team")


def test_every_own_claim_is_reserved() -> None:
    """The names that Duet uses, and those that RFC 7519 and RFC 9068 register, are reserved."""
    registered = {"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "client_id", "auth_time", "acr", "amr", "scope"}
    assert set(_CLAIMS) | registered | {"groups", "roles", "entitlements"} <= RESERVED


@pytest.mark.parametrize("name", ["", "x" * 65, "a\nb", "\ud800", "\0"])
def test_a_name_that_is_none_stops_the_start(name: str) -> None:
    """Such a name would break a log line, or the token."""
    with pytest.raises(PolicyError, match="extension team: a claim's name is"):
        ExtraClaims().add(name, saying(1), owner="team")


def test_one_name_has_one_owner() -> None:
    """A second owner for a name is refused, because only one of the two could count."""
    extra = ExtraClaims()
    extra.add("plan", saying(1), owner="one")
    with pytest.raises(PolicyError, match="extension two: the claim 'plan' is one's already"):
        extra.add("plan", saying(2), owner="two")


def test_a_function_that_is_not_async_stops_the_start() -> None:
    """Such a function would block the event loop at every login."""
    plain: Any = lambda user: 1  # noqa: E731
    with pytest.raises(PolicyError, match="extension team: the function of its claim 'plan' must be async"):
        ExtraClaims().add("plan", plain, owner="team")
