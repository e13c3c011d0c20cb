"""How both halves read forms: one function of Duet's own does, in place of two frameworks' parsers."""

from __future__ import annotations

from urllib.parse import parse_qsl

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.bodies import TooManyFields, read_fields

texts = st.text(st.sampled_from('%=+&;aAfFgx0129._- \r\n\0\\"é\U0001f4a9'), max_size=30)


@given(text=texts)
@example(text="%%%41%4%g0=%%&%3D=%26")
@settings(max_examples=2000, deadline=None)
def test_a_form_is_read_as_the_standard_library_reads_it(text: str) -> None:
    """Fields, names and values are those of `parse_qsl`, whatever is escaped, malformed or empty."""
    assert read_fields(text.encode(), max_fields=100) == parse_qsl(text, keep_blank_values=True)


@pytest.mark.parametrize("body", [b"a=\xff", b"a=%ff", b"a=%FF"])
def test_what_is_not_utf_8_is_replaced(body: bytes) -> None:
    """Bytes that are no UTF-8 become U+FFFD, escaped or not."""
    assert read_fields(body, max_fields=1) == [("a", "\ufffd")]


def test_the_most_fields_are_taken_and_no_more() -> None:
    """Fields are counted, and the signs around them are none."""
    assert len(read_fields(b"&a&" + b"b=c&" * 499 + b"&", max_fields=500)) == 500
    with pytest.raises(TooManyFields):
        read_fields(b"a&" * 500 + b"a", max_fields=500)
