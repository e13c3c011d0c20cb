"""An import: what becomes of a record, which hashes are accepted, and how much memory a file takes."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import bcrypt as backend
import pytest
from passlib.hash import bcrypt, bcrypt_sha256

from app.auth.accounts import BadLine, Tally, records
from app.auth.accounts.import_lines import COLUMNS, Record
from app.auth.accounts.importing import BATCH
from app.auth.models import User
from tests.auth.house import API, CountingStore, House, counting
from tests.kit.duet import PASSWORD
from tests.kit.naughty import naughty_strings

HASH = bcrypt.using(rounds=4).hash(PASSWORD)


async def imported(house: House, **values: Any) -> User | str:
    """What becomes of one record: the user, or the reason for the refusal."""
    bad: list[BadLine] = []
    record = Record(1, {"email": "ada@example.com", "password_hash": HASH, **values})
    tally = await house.auth.importing.run([record], API, on_refused=bad.append)
    if bad:
        assert tally == Tally(refused=1)
        return bad[0].reason
    assert tally == Tally(imported=1)
    return await house.auth.accounts.find("ada@example.com")


def no_refusal(bad: BadLine) -> None:
    """Fail the test, because every record is expected to be good."""
    pytest.fail(f"line {bad.number}: {bad.reason}")


SALT_AND_DIGEST = HASH.removeprefix("$2b$04$")
OTHER_HASHES = [
    "",
    "hunter2",
    "5f4dcc3b5aa765d61d8327deb882cf99",
    "$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNo",
    "$2$04$" + SALT_AND_DIGEST,
    "$2x$04$" + SALT_AND_DIGEST,
    "$2b$4$" + SALT_AND_DIGEST,
    HASH[:-1],
    HASH + "x",
    HASH + "\n$",
    HASH.replace("$2b$04$", "$2b$0\u0664$"),
    HASH[:-1] + "é",
    "bcrypt$" + HASH,
    bcrypt_sha256.using(rounds=4).hash(PASSWORD)[:-1],
]


@pytest.mark.parametrize("value", OTHER_HASHES, ids=range(len(OTHER_HASHES)))
async def test_other_hashes_are_refused_without_a_word_of_them(house: House, value: str) -> None:
    """The value may be a password, so the reason does not repeat it."""
    reason = await imported(house, password_hash=value)
    assert reason == f"password_hash: {'missing' if not value else 'not a bcrypt hash'}"


@pytest.mark.parametrize("cost", ["00", "03", "17", "31", "99"])
async def test_a_cost_out_of_bounds_is_refused(house: House, cost: str) -> None:
    """A login at cost 31 would take a day, and bcrypt does not know cost 3."""
    reason = await imported(house, password_hash=f"$2b${cost}${SALT_AND_DIGEST}")
    assert reason == "password_hash: a bcrypt hash whose cost is not 4 to 16"
    sha256 = bcrypt_sha256.using(rounds=4).hash(PASSWORD).replace("r=4$", f"r={cost}$")
    assert await imported(house, password_hash=sha256) == reason


def older_form(password: str) -> str:
    """A hash in passlib's first form of bcrypt-sha256."""
    made: str = bcrypt_sha256.using(rounds=4, version=1).hash(password)
    assert made.startswith("$bcrypt-sha256$2b,4$")
    return made


@pytest.mark.parametrize(
    "stored",
    [
        HASH,
        f" {HASH} ",
        HASH.replace("$2b$", "$2a$"),
        HASH.replace("$2b$", "$2y$"),
        HASH[:28] + chr(ord(HASH[28]) + 1) + HASH[29:],
        bcrypt_sha256.using(rounds=4).hash(PASSWORD),
        older_form(PASSWORD),
    ],
    ids=["2b", "spaces", "2a", "2y", "salt with odd bits", "sha256", "older sha256"],
)
async def test_every_form_of_bcrypt_logs_in(house: House, stored: str) -> None:
    """Hashes of other languages and older libraries log in too, and then change to Duet's own form."""
    record = Record(2, {"email": "ada@example.com", "password_hash": stored})
    await house.auth.importing.run([record], API, on_refused=no_refusal)
    for _ in range(2):
        await house.auth.sessions.log_in("ada@example.com", PASSWORD, API)
        user = await house.auth.accounts.find("ada@example.com")
        assert user.password_hash.startswith("$bcrypt-sha256$v=2,t=2b,r=4$")


async def test_a_password_that_was_cut_where_it_comes_from_still_counts(house: House) -> None:
    """Other systems cut passwords after bcrypt's 72 bytes; here the whole password counts from the first login
    on."""
    long = PASSWORD.ljust(100, "é")
    brought = backend.hashpw(long.encode()[:72], backend.gensalt(4)).decode()
    record = Record(2, {"email": "ada@example.com", "password_hash": brought})
    await house.auth.importing.run([record], API, on_refused=no_refusal)
    passwords, user = house.auth.passwords, await house.auth.accounts.find("ada@example.com")
    assert (await passwords.verify("x" + long, user.password_hash)) == (False, None)
    await house.auth.sessions.log_in("ada@example.com", long, API)
    user = await house.auth.accounts.find("ada@example.com")
    assert (await passwords.verify(long, user.password_hash))[0]
    assert not (await passwords.verify(long[:-1], user.password_hash))[0]


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("email", None, "missing"),
        ("email", 7, "not a text"),
        ("email", "a@b@c", "that is not an e-mail address"),
        ("password_hash", ["x"], "not a text"),
        ("id", "x" * 65, "not up to 64 letters"),
        ("id", "../42", "not up to 64 letters"),
        ("id", "4\u0662", "not up to 64 letters"),
        ("id", 42.0, "not up to 64 letters"),
        ("id", True, "not up to 64 letters"),
        ("id", {"$ne": 1}, "not up to 64 letters"),
        ("id", 10**400, "not up to 64 letters"),
        ("name", "two\nlines", "a name has at most 100 characters and no line breaks"),
        ("name", "x" * 101, "a name has at most 100 characters and no line breaks"),
        ("name", {"first": "Ada"}, "not a text"),
        ("roles", "Not A Role!", "a role is a lower-case word"),
        ("roles", " ".join(f"r{i}" for i in range(21)), "a role is a lower-case word"),
        ("roles", ["admin", 7], "not a list of names"),
        ("roles", 7, "not a list of names"),
        ("is_active", "perhaps", "neither true nor false"),
        ("is_active", 2, "neither true nor false"),
        ("is_active", [], "neither true nor false"),
        ("is_email_verified", 0.5, "neither true nor false"),
        ("created_at", "yesterday", "not a date and time in ISO 8601 format"),
        ("created_at", 1_600_000_000, "not a text"),
        ("created_at", "0001-01-01T00:00:00+14:00", "not a date and time in ISO 8601 format"),
        ("created_at", "1969-12-31", "before 1970, or in the future"),
        ("created_at", "9999-01-01", "before 1970, or in the future"),
    ],
)
async def test_what_is_not_acceptable_is_told_by_its_column(
    house: House, column: str, value: Any, reason: str
) -> None:
    """The reason names the column, says what is wanted, and repeats nothing of the value."""
    assert str(await imported(house, **{column: value})).startswith(f"{column}: {reason}")


@pytest.mark.parametrize(
    ("column", "value", "kept"),
    [
        ("id", 42, "42"),
        ("id", 0, "0"),
        ("id", " 7 ", "7"),
        ("id", "6f1c2a4e-0000-4000-8000-000000000001", "6f1c2a4e-0000-4000-8000-000000000001"),
        ("roles", "staff;admin", ("admin", "staff")),
        ("roles", " staff  admin ; staff", ("admin", "staff")),
        ("roles", ["staff"], ("staff",)),
        ("roles", "", ()),
        ("is_active", "FALSE", False),
        ("is_active", 0, False),
        ("is_active", "", True),
        ("is_email_verified", "1", True),
        ("is_email_verified", None, False),
        ("name", " Ada ", "Ada"),
        ("created_at", "2020-01-02", datetime(2020, 1, 2, tzinfo=UTC)),
        ("created_at", "2020-01-02 03:04:05Z", datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)),
    ],
)
async def test_values_are_read_as_people_write_them(house: House, column: str, value: Any, kept: Any) -> None:
    """Lists, booleans and dates have several spellings, and an empty value gets the default."""
    assert getattr(await imported(house, **{column: value}), column) == kept


@pytest.mark.parametrize("language", ["csv", "json"])
async def test_the_examples_of_the_guide_are_taken(house: House, language: str) -> None:
    """The examples in docs/import.md can be imported."""
    guide = (Path(__file__).parents[3] / "docs/import.md").read_text()
    example = re.findall(rf"^```{language}\n(.*?)^```$", guide, re.MULTILINE | re.DOTALL)[0]
    found = records(io.BytesIO(example.encode()).readline)
    assert await house.auth.importing.run(found, API, on_refused=no_refusal) == Tally(imported=1)


async def test_an_id_is_one_accounts_alone(each_house: House) -> None:
    """An id that another account has is refused, within a batch and between runs, and that account stays as it
    is."""
    lines = [("ada", 1), ("bo", 1), ("ada", 1), ("ada", 2), ("cy", 0), ("dee", ""), ("eve", None)]
    found = [
        Record(number, {"email": f"{name}@example.com", "password_hash": HASH, "id": user_id})
        for number, (name, user_id) in enumerate(lines, 1)
    ]
    for expected in (Tally(imported=4, known=2, refused=1), Tally(known=6, refused=1)):
        bad: list[BadLine] = []
        assert await each_house.auth.importing.run(found, API, on_refused=bad.append) == expected
        assert bad == [BadLine(2, "id: an account with another email address has it")]
    assert (await each_house.auth.accounts.find("ada@example.com")).id == "1"
    assert (await each_house.auth.accounts.find("cy@example.com")).id == "0"
    assert len((await each_house.auth.accounts.find("dee@example.com")).id) == 32


async def test_without_a_date_it_is_today(house: House) -> None:
    """Without a date, the account is as old as the import."""
    user = await imported(house, created_at="")
    assert isinstance(user, User)
    assert house.clock.now() - user.created_at < timedelta(seconds=1)


@pytest.mark.parametrize("column", COLUMNS)
async def test_strange_text_in_any_column_is_taken_or_refused(house: House, column: str) -> None:
    """No text breaks the import or is repeated in a reason, and the next line is imported."""
    for text in naughty_strings():
        bad: list[BadLine] = []
        strange = {"email": "odd@example.com", "password_hash": HASH, column: text}
        file = "".join(
            json.dumps(one) + "\n" for one in (strange, {"email": "next@example.com", "password_hash": HASH})
        )
        found = records(io.BytesIO(file.encode()).readline)
        tally = await house.auth.importing.run(found, API, on_refused=bad.append, dry_run=True)
        assert tally.imported + tally.refused == 2
        assert tally.imported >= 1
        assert len(text) < 8 or all(text not in one.reason for one in bad)


async def test_strange_files_are_read_to_their_end(house: House) -> None:
    """The same strange texts are read to the end as lines of CSV, quoted or not."""
    texts = naughty_strings()
    rows = [*texts] + ['"' + text.replace('"', '""') + f'",{HASH},x' for text in texts]
    content = "\n".join(["email,password_hash,name", *rows, f"last@example.com,{HASH},x"])
    bad: list[BadLine] = []
    found = records(io.BytesIO(content.encode("utf-8", "surrogatepass")).readline)
    await house.auth.importing.run(found, API, on_refused=bad.append)
    assert (await house.auth.accounts.find("last@example.com")).name == "x"
    lines = content.encode("utf-8", "surrogatepass").count(b"\n")
    assert len(bad) > len(texts)
    assert [one.number for one in bad] == sorted({one.number for one in bad})
    assert bad[-1].number < lines


def many(lines: list[int]) -> Iterator[Record]:
    """Yield the records of a long file, with the number of the last line read in `lines`."""
    while lines[0] < 10 * BATCH:
        lines[0] += 1
        yield Record(lines[0], {"email": f"p{lines[0]}@example.com", "password_hash": HASH})


class Enough(Exception):
    """Ends an import from within."""


async def test_a_file_of_any_size_takes_the_room_of_a_batch(house: House) -> None:
    """Each batch is stored before the next is read, so an interruption loses one batch at most."""
    lines = [0]
    async with counting(house) as (auth, store):
        await _interrupt_after(store, batches=3, lines=lines, run=auth.importing.run)
    assert lines[0] == 3 * BATCH
    assert await house.store.user_by_email(f"p{2 * BATCH}@example.com") is not None
    assert "users_imported" in await house.events()
    again = await house.auth.importing.run(
        [record for record, _ in zip(many([0]), range(4 * BATCH), strict=False)], API, on_refused=no_refusal
    )
    assert again == Tally(imported=BATCH, known=3 * BATCH)


async def _interrupt_after(store: CountingStore, *, batches: int, lines: list[int], run: Any) -> None:
    async def count() -> None:
        assert lines[0] == BATCH * store.calls.count("add_users")
        if store.calls.count("add_users") == batches:
            raise Enough
        store.after["add_users"] = count

    store.after["add_users"] = count
    source: Iterable[Record] = many(lines)
    with pytest.raises(Enough):
        await run(source, API, on_refused=no_refusal)
