"""What may be chosen as a password: any phrase of a few words, but nothing that attackers try first."""

from __future__ import annotations

import asyncio
import random
import secrets
import string
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from passlib.hash import bcrypt
from zxcvbn.matching import L33T_TABLE, enumerate_l33t_subs, omnimatch, relevant_l33t_subtable

from app.auth.factors import Passwords
from app.auth.factors import quality as password_quality
from app.auth.factors.quality import COMMON, PERSONAL, REPEATED, ROW, check_quality
from app.auth.refusals import PasswordUnacceptable
from tests.auth.house import API, House
from tests.kit.naughty import naughty_strings

ADA = ("Ada.Lovelace@Example.com", "Ada Lovelace")

ACCEPTED = """
correct horse battery
correct horse battery staple
correcthorsebattery
a password for tests alone
a long enough passphrase
this is my new password 2
another good password 42
Sufficiently-Long-Password-1
new horse battery staple
my second long password!
battery horse correct
purple monkey dishwasher
password manager is great
the cat sat on the mat
rain in the morning
one two three four five
I like green tea a lot
we are the champions 1977
Tuesday-lantern
duet for two pianos
ada correct horse battery
lovelace and the engine
example of a good phrase
welcome to the machine
zug fahrt nach wien
mein hund heisst bello
korrekt pferd batterie
la vie est belle en rose
пароль из нескольких слов
正確的馬電池訂書釘一二三四五六
f3a9c2e17b4d8056
2b8f-91ac-77de-03f1
8391047265018374
Xk7!mQ2#vR9$wT4
kX9#vQ2mkX9#vQ2m
""".strip().splitlines()

REFUSED = {
    COMMON: """
password1234567
p4$$w0rd12345678
P@$$w0rd!12345678
Password2024!!!
password!!!!!!!
mypassword12345
passwordisapassword
thisisapassword
p a s s w o r d 1 2
iloveyou1234567
iloveyoupassword
letmein12345678
letmeinplease123
administrator1234
football12345678
sunshine12345678
jennifer12345678
january01011990
Summer2024!!!!!
Welcome2024!!!!
1qaz2wsx3edc4rfv
1q2w3e4r5t6y7u8i
qazwsxedcrfvtgb
""",
    REPEATED: """
aaaaaaaaaaaaaaa
000000000000000
abcabcabcabcabc
passwordpassword
passwordpassword123
P@ssw0rdP@ssw0rd
drowssapdrowssap
letmeinletmein1
iloveyouiloveyou
adminadminadmin
changemechangeme
abcd1234abcd1234
19901990199019901990
!@#$%^&*()1234567890
aabbccddeeffgghh
ééééééééééééééé
😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀
""",
    ROW: """
abcdefghijklmno
zyxwvutsrqponml
987654321098765
qwertyuiopasdfg
asdfghjklasdfghjkl
!@#$%^&*()_+!@#
qwertzuiopasdfg
azertyuiopqsdfg
йцукенгшщзхъфыв
qwerty123456789
123456789012345
112233445566778
""",
    PERSONAL: """
duetduetduetduet
Duet Duet Duet!
Du3t-Du3t-Du3t-1
ada.lovelace@example.com
ADA.LOVELACE@EXAMPLE.COM
adalovelace1234
Ada Lovelace 1815
lovelacelovelace
l0vel4ce-l0vel4ce
ecalevolada12345
example.com2024!
Ádá Lôvelåce 123
""",
}


@pytest.fixture(autouse=True)
def _judged_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Judge each password anew, because elsewhere a judgement is remembered."""
    monkeypatch.setattr(password_quality, "_reason", password_quality._reason.__wrapped__)  # type: ignore[attr-defined]


@pytest.mark.parametrize("password", ACCEPTED)
def test_a_few_unrelated_words_are_accepted(password: str) -> None:
    """A random string without capitals or signs is accepted too, because there are no rules of composition."""
    assert check_quality(password, context=ADA) is None


@pytest.mark.parametrize(
    ("password", "reason"),
    [(line, reason) for reason, lines in REFUSED.items() for line in lines.strip().splitlines()],
)
def test_what_is_tried_first_is_refused_with_the_reason(password: str, reason: str) -> None:
    """Common passwords, rows of keys, repetitions, and what is known of the person are refused."""
    assert check_quality(password, context=ADA) == reason


@pytest.mark.parametrize("length", [8, 10, 15, 20, 43, 200])
def test_random_strings_are_accepted(length: int) -> None:
    """Strings of letters with digits or signs are accepted, and hexadecimal digits if there are more of them."""
    chance = random.Random(length)
    for alphabet in (string.ascii_letters + string.digits, string.ascii_letters + string.punctuation):
        for _ in range(8):
            password = "".join(chance.choice(alphabet) for _ in range(length))
            assert check_quality(password, context=ADA) is None, password
    assert check_quality(secrets.token_hex(8), context=ADA) is None


@pytest.mark.parametrize(
    "pattern",
    ["a", "ab", "abc", "password", "1234567890", "q w e r t y ", "\0", "é", "😀", string.ascii_lowercase],
)
@pytest.mark.parametrize("length", [29, 100, 1024])
def test_a_pattern_is_refused_at_any_length(pattern: str, length: int) -> None:
    """Length alone does not help: a thousand repetitions of one letter are as weak as the letter."""
    assert check_quality((pattern * length)[:length]) in (REPEATED, ROW)


@pytest.mark.parametrize(
    "password",
    [
        "a" * 500 + "b" * 500,
        "a" * 1023 + "b",
        "password" * 60 + "123456",
        "ada@example.com" * 60,
        "qwertyuiopasdfghjklzxcvbnm1234567890",
    ],
)
def test_long_ones_are_looked_at_as_a_whole(password: str) -> None:
    """Several patterns in a row are still patterns."""
    assert check_quality(password, context=ADA) is not None


@pytest.mark.parametrize(
    "padding", ["a" * 60, "passwordpassword123456789qwertyuiop" * 2, "abcdefghijklmnopqrstuvwxyz0123456789"]
)
def test_good_words_are_seen_wherever_they_are(padding: str) -> None:
    """Neither a weak beginning nor a weak end makes a long password a bad one."""
    for password in (padding + " correct horse battery", "correct horse battery " + padding):
        assert check_quality(password, context=ADA) is None


def test_a_name_is_no_reason_against_other_words() -> None:
    """A person called Horse may use that word among others, and part of a word is no reason to refuse."""
    assert check_quality("correct horse battery", context=("horse@example.com", "Horse")) is None
    assert check_quality("correct battery for all", context=("al@example.com", "Al")) is None
    assert check_quality("horse.horse.1234", context=("horse@example.com", "Horse")) == PERSONAL
    # 'com' is a part of 'welcome', and what is left without it must not look better than the whole.
    assert check_quality("Welcome2024!!!!", context=("ada@example.com", "")) == COMMON


def test_one_persons_words_do_not_count_for_another() -> None:
    """This holds in many threads at once, although zxcvbn itself keeps such words in a global."""
    names = ["lovelace", "turing", "hopper", "dijkstra", "knuth", "liskov", "hamilton", "ritchie"]

    def judge(i: int) -> tuple[str | None, str | None]:
        own, other = names[i % 8], names[(i + 1) % 8]
        context = (f"{own}@example.com", own)
        return check_quality(f"{own}{own}1234567", context=context), check_quality(
            f"blue {other} candle", context=context
        )

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(judge, range(24))) == {(PERSONAL, None)}


SIGNS = "4@8({[<3691!|170$5+7%2"


def test_nothing_multiplies_its_readings(monkeypatch: pytest.MonkeyPatch) -> None:
    """A password full of signs for letters would give zxcvbn hundreds of readings and seconds of work."""
    sizes: list[tuple[int, int]] = []

    def watched(text: str) -> object:
        sizes.append((len(text), len(enumerate_l33t_subs(relevant_l33t_subtable(text, L33T_TABLE)))))
        return omnimatch(text)

    monkeypatch.setattr("app.auth.factors.quality.omnimatch", watched)
    chance = random.Random(1)
    hard = [SIGNS * 47, SIGNS[:16] * 2, "1/1/" * 256, "aB1!" * 256, "1!|+7" * 6, *naughty_strings()[::15]]
    hard += ["".join(chance.choice(SIGNS + "ab") for _ in range(1024)) for _ in range(10)]
    for password in hard:
        sizes.clear()
        check_quality(password, context=(password[:20] + "@example.com", password[20:50]))
        assert len(sizes) <= 6
        for length, readings in sizes:
            assert length <= password_quality.PART
            assert readings <= 24


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=80), st.text(max_size=40), st.text(max_size=40))
def test_any_text_gets_an_answer(password: str, email: str, name: str) -> None:
    """No text causes an error, and no reason repeats a part of what was typed."""
    reasons = {None, COMMON, REPEATED, ROW, PERSONAL, password_quality.GUESSED}
    assert check_quality(password, context=(email, name)) in reasons


@pytest.fixture
def passwords() -> Iterator[Passwords]:
    """Passwords with cheap hashes, in one thread."""
    one = Passwords(rounds=4, threads=1, min_length=15)
    yield one
    one.close()


async def test_the_reason_comes_with_the_field(passwords: Passwords) -> None:
    """A form can show the reason beside its field, and the reason does not repeat the password."""
    with pytest.raises(PasswordUnacceptable) as caught:
        await passwords.hash("adalovelace1234", context=ADA, field="new_password")
    assert caught.value.field == "new_password"
    assert caught.value.message == f"Please choose another password. {PERSONAL}"
    with pytest.raises(PasswordUnacceptable, match="at least 15"):
        await passwords.hash("short", context=ADA)


async def test_judging_does_not_hold_up_the_loop(passwords: Passwords, monkeypatch: pytest.MonkeyPatch) -> None:
    """Judging takes time and anonymous people can ask for it, so it is done in the hashing threads."""
    threads: list[str] = []
    judge = password_quality.check_quality

    def watched(password: str, *, context: tuple[str, ...]) -> str | None:
        threads.append(threading.current_thread().name)
        return judge(password, context=context)

    monkeypatch.setattr("app.auth.factors.passwords.check_quality", watched)
    assert (await passwords.hash("correct horse battery")).startswith("$bcrypt-sha256$")
    with pytest.raises(PasswordUnacceptable):
        await passwords.hash("a" * 1024)
    await asyncio.sleep(0)
    assert (passwords.queue.running, passwords.queue.waiting) == (0, 0)
    assert all(name.startswith("hash") for name in threads)
    assert len(threads) == 2


async def test_an_old_weak_password_logs_in(house: House) -> None:
    """The rules are for new passwords; a login, and the better hash that it may bring, do not apply them."""
    user = await house.make_user()
    for weak in ("passwordpassword", "short"):
        old = bcrypt.using(rounds=4).hash(weak)
        assert await house.store.upgrade_password_hash(user.id, old, credentials_version=0)
        await house.auth.sessions.log_in("ada@example.com", weak, API)
        assert (await house.stored(user.id)).password_hash.startswith("$bcrypt-sha256$")
        await house.auth.sessions.log_in("ada@example.com", weak, API)
