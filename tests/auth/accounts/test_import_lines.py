"""The lines of an import are read one by one and numbered as in an editor, and a bad one affects no other."""

from __future__ import annotations

import io
import json

import pytest

from app.auth.accounts import BadLine, records
from app.auth.accounts.import_lines import MAX_LINE, FileUnreadable, Record

HASH = "$2b$04$abcdefghijklmnopqrstuuAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"


def read(text: str | bytes, file_format: str = "") -> list[Record | BadLine]:
    """The records of a file with this content."""
    content = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    return list(records(io.BytesIO(content).readline, file_format))


def csv_of(*rows: str) -> str:
    """A CSV file of email addresses, hashes and names."""
    return "".join(f"{row}\n" for row in ("email,password_hash,name", *rows))


@pytest.mark.parametrize(
    ("content", "options", "says"),
    [
        ("", (), "is empty"),
        ("\n \n", (), "is empty"),
        (f"ada@example.com,{HASH}\n", (), "no column 'email'"),
        ("email,name\n", (), "no column 'password_hash'"),
        ("email,password_hash,shoe_size\n", (), "unknown column 'shoe_size'"),
        ("email,password_hash,email\n", (), "twice"),
        ("email;password_hash\n", (), "separated by commas"),
        ('email,"password_hash\n', (), "no column 'email'"),
        ("email,password_hash\n".encode("utf-16"), (), "UTF-16"),
        (b"email,password_hash,n\xffme\n", (), "not UTF-8"),
        ("email," * 20_000, (), "longer than"),
        (json.dumps([{"email": "ada@example.com", "password_hash": HASH}]), (), "JSON array"),
        (json.dumps({"email": "ada@example.com", "password_hash": HASH}), ("csv",), "no column 'email'"),
    ],
)
def test_a_file_that_is_none_is_told(content: str | bytes, options: tuple[str, ...], says: str) -> None:
    """An unreadable file is refused before anything is imported, and the message repeats nothing of its
    content."""
    with pytest.raises(FileUnreadable) as caught:
        read(content, *options)
    assert says in caught.value.message
    assert HASH not in caught.value.message
    assert "ada" not in caught.value.message


def test_lines_are_numbered_as_an_editor_does() -> None:
    """The numbers allow for quoted line breaks, blank lines, carriage returns and a byte order mark."""
    found = read(
        b"\xef\xbb\xbfEmail, PASSWORD_HASH ,roles\r\n"
        b'ada@example.com,hash,"admin\r\nstaff"\r\n'
        b"\r\n"
        b'bob@example.com,"ha""sh",""\r\n'
        b"too,few\r\n"
        b"last@example.com,hash,staff"
    )
    assert found == [
        Record(2, {"email": "ada@example.com", "password_hash": "hash", "roles": "admin\r\nstaff"}),
        Record(5, {"email": "bob@example.com", "password_hash": 'ha"sh', "roles": ""}),
        BadLine(6, "2 values where the first line has 3 columns"),
        Record(7, {"email": "last@example.com", "password_hash": "hash", "roles": "staff"}),
    ]


def test_a_quote_that_is_not_closed_takes_its_own_line_alone() -> None:
    """An unclosed quote spoils neither the following lines nor their numbers, however far away the next quote
    is."""
    many = [f"p{number}@example.com,hash,x" for number in range(300)]
    found = read(
        csv_of('a@example.com,"hash,x', "b@example.com,hash,x", 'c@example.com,hash,5" disk', *many, "bad")
    )
    assert found[0] == BadLine(2, "not CSV: a quote is not closed, or is in the wrong place")
    assert [record.number for record in found] == list(range(2, 306))
    assert all(isinstance(record, Record) for record in found[1:-1])
    assert isinstance(found[-1], BadLine)


def test_a_line_without_text_is_bad_and_the_next_is_read() -> None:
    """A line that is not UTF-8, too long or broken costs only itself, even within a quoted value."""
    good = b"ada@example.com,hash,x\n"
    found = read(
        b"email,password_hash,name\n" + b"caf\xe9@example.com,hash,x\n" + good
        + b"x" * (3 * MAX_LINE) + b"\n" + good
        + b'b@example.com,"hash\n' + b"\xff\n" + good
    )  # fmt: skip
    reasons = [record.reason if isinstance(record, BadLine) else "" for record in found]
    assert reasons == ["not UTF-8", "", "longer than 65,536 bytes", "", reasons[4], "not UTF-8", ""]
    assert reasons[4].startswith("not CSV")
    assert [record.number for record in found] == [2, 3, 4, 5, 6, 7, 8]


def test_json_lines_are_read() -> None:
    """Each line is one JSON object with the same names as CSV, and a bad line is reported with its number."""
    deep = "[" * 30_000
    found = read(
        "\n".join(
            [
                json.dumps(
                    {"email": "ada@example.com", "password_hash": HASH, "roles": ["admin"], "is_active": None}
                ),
                "",
                "{",
                '{"email": "a@example.com"} {}',
                '{"email": "a@example.com", "email": "b@example.com"}',
                '{"email": "a@example.com", "uid": 7}',
                '{"email": ' + deep + "}",
                '{"email": ' + "9" * 5000 + "}",
                "null",
                json.dumps({"email": "last@example.com"}),
            ]
        )
    )
    assert found[0] == Record(
        1, {"email": "ada@example.com", "password_hash": HASH, "roles": ["admin"], "is_active": None}
    )
    assert [(record.number, record.reason) for record in found[1:-1] if isinstance(record, BadLine)] == [
        (3, "not JSON"),
        (4, "not JSON"),
        (5, "a name appears twice"),
        (6, "unknown name 'uid'"),
        (7, "not JSON"),
        (8, "not JSON"),
        (9, "not a JSON object"),
    ]
    assert isinstance(found[-1], Record)
