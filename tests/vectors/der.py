"""DER (X.690), and the ways in which a careless reader of it can be led astray."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

SEQUENCE: Final = 0x30
OBJECT: Final = 0x06
NULL: Final = 0x05
OCTETS: Final = 0x04
BITS: Final = 0x03
_CONSTRUCTED: Final = 0x20
_NULL: Final = bytes([NULL, 0])

#: What to write in place of the element with this tag and this content.
Edit: TypeAlias = Callable[[int, bytes], bytes]


@dataclass(frozen=True)
class Element:
    """A tag, and either the bytes or the elements that it holds."""

    tag: int
    content: bytes | tuple[Element, ...]


def length(size: int) -> bytes:
    """A length in the shortest form, the only one that DER allows."""
    if size < 0x80:
        return bytes([size])
    number = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([0x80 | len(number)]) + number


def written(tag: int, content: bytes) -> bytes:
    """An element in its right form."""
    return bytes([tag]) + length(len(content)) + content


def encoded(element: Element, at: tuple[int, ...] | None = None, edit: Edit = written) -> bytes:
    """The bytes of `element`; `edit` writes the element at the path `at`, which has the index at each level."""
    if isinstance(element.content, bytes):
        content = element.content
    else:
        parts = []
        for number, inner in enumerate(element.content):
            is_on_path = at is not None and at[:1] == (number,)
            parts.append(encoded(inner, at[1:] if at is not None and is_on_path else None, edit))
        content = b"".join(parts)
    return edit(element.tag, content) if at == () else written(element.tag, content)


def _with_length(size: Callable[[int], bytes]) -> Edit:
    return lambda tag, content: bytes([tag]) + size(len(content)) + content


def _with_content(change: Callable[[bytes], bytes]) -> Edit:
    return lambda tag, content: written(tag, change(content))


def _counted(number: int, width: int) -> bytes:
    return bytes([0x80 | width]) + number.to_bytes(width, "big")


def _with_tag(change: int) -> Edit:
    return lambda tag, content: written(tag ^ change, content)


# The length has another form or another value.
_LENGTHS: Final[dict[str, Edit]] = {
    "in the long form": _with_length(lambda size: _counted(size, 1)),
    "in two bytes": _with_length(lambda size: _counted(size, 2)),
    "in four bytes": _with_length(lambda size: _counted(size, 4)),
    "in eight bytes": _with_length(lambda size: _counted(size, 8)),
    "in 126 bytes": _with_length(lambda size: bytes([0xFE]) + bytes(125) + bytes([size])),
    "one more": _with_length(lambda size: length(size + 1)),
    "one less": _with_length(lambda size: length(abs(size - 1))),
    "twice": _with_length(lambda size: length(2 * size + 2)),
    "and 2 to the 8": _with_length(lambda size: _counted(size + 2**8, 2)),
    "and 2 to the 16": _with_length(lambda size: _counted(size + 2**16, 3)),
    "and 2 to the 32": _with_length(lambda size: _counted(size + 2**32, 5)),
    "and 2 to the 64": _with_length(lambda size: _counted(size + 2**64, 9)),
    "2 to the 31, less 1": _with_length(lambda _: _counted(2**31 - 1, 4)),
    "2 to the 31": _with_length(lambda _: _counted(2**31, 4)),
    "2 to the 32, less 1": _with_length(lambda _: _counted(2**32 - 1, 4)),
    "2 to the 40, less 1": _with_length(lambda _: _counted(2**40 - 1, 5)),
    "2 to the 63": _with_length(lambda _: _counted(2**63, 8)),
    "2 to the 64, less 1": _with_length(lambda _: _counted(2**64 - 1, 8)),
    "the reserved one": _with_length(lambda _: b"\xff"),
    "cut off": lambda tag, _: bytes([tag, 0x81]),
    "missing": lambda tag, _: bytes([tag]),
}
# An element of indefinite length ends with two zeros, which DER does not allow.
_ENDLESS: Final[dict[str, Edit]] = {
    "without an end": lambda tag, content: bytes([tag, 0x80]) + content,
    "with an end": lambda tag, content: bytes([tag, 0x80]) + content + b"\0\0",
    "constructed, with an end": lambda tag, content: (
        bytes([tag | _CONSTRUCTED, 0x80]) + written(tag, content) + b"\0\0"
    ),
    "with half an end": lambda tag, content: bytes([tag, 0x80]) + content + b"\0",
    "with an end that holds something": lambda tag, content: bytes([tag, 0x80]) + content + b"\0\x02\xab\xcd",
    "with something after the end": lambda tag, content: bytes([tag, 0x80]) + content + b"\0\0\x04\x02\xab\xcd",
    "with something before the end": lambda tag, content: bytes([tag, 0x80]) + content + _NULL + b"\0\0",
}
# Something is there that should not be, or something is missing.
_CONTENTS: Final[dict[str, Edit]] = {
    "left out": lambda _tag, _content: b"",
    "emptied": lambda tag, _: written(tag, b""),
    "replaced by a NULL": lambda _tag, _content: _NULL,
    "replaced by a false": lambda _tag, _content: b"\x01\x01\x00",
    "with zeros behind, inside": _with_content(lambda content: content + b"\0\0"),
    "with zeros in front, inside": _with_content(lambda content: b"\0\0" + content),
    "with zeros behind": lambda tag, content: written(tag, content) + b"\0\0",
    "with a NULL behind, inside": _with_content(lambda content: content + _NULL),
    "with a NULL in front, inside": _with_content(lambda content: _NULL + content),
    "with a NULL behind": lambda tag, content: written(tag, content) + _NULL,
    "with an empty sequence behind, inside": _with_content(lambda content: content + written(SEQUENCE, b"")),
    "with an empty sequence in front, inside": _with_content(lambda content: written(SEQUENCE, b"") + content),
    "with rubbish behind, inside": _with_content(lambda content: content + written(OCTETS, b"duck")),
    "with rubbish in front, inside": _with_content(lambda content: written(OCTETS, b"duck") + content),
    "with rubbish behind": lambda tag, content: written(tag, content) + written(OCTETS, b"duck"),
    "with rubbish in front": lambda tag, content: written(OCTETS, b"duck") + written(tag, content),
    "with an integer behind, inside": _with_content(lambda content: content + b"\x02\x01\x00"),
    "with a tag of many bytes behind, inside": _with_content(lambda content: content + b"\xbf\x8f\x7f\x00"),
    "with a tag of no kind in front, inside": _with_content(lambda content: b"\xc5\x02\xc6\x00" + content),
    "with an explicit NULL behind, inside": _with_content(lambda content: content + written(0xA0, _NULL)),
    "with an implicit NULL behind, inside": _with_content(lambda content: content + b"\x80\x00"),
    "twice": lambda tag, content: written(tag, content) * 2,
    "its content twice": _with_content(lambda content: content * 2),
    "in a sequence": lambda tag, content: written(SEQUENCE, written(tag, content)),
    "in octets": lambda tag, content: written(OCTETS, written(tag, content)),
    "in an explicit tag": lambda tag, content: written(0xA0, written(tag, content)),
    "in two pieces": lambda tag, content: written(
        tag | _CONSTRUCTED, written(tag, content[:1]) + written(tag, content[1:])
    ),
    "without its first byte": _with_content(lambda content: content[1:]),
    "without its last byte": _with_content(lambda content: content[:-1]),
    "with another first bit": _with_content(
        lambda content: bytes([content[0] ^ 0x80]) + content[1:] if content else b"\x80"
    ),
    "with another last bit": _with_content(
        lambda content: content[:-1] + bytes([content[-1] ^ 1]) if content else b"\x01"
    ),
    "with a zero content": lambda tag, content: written(tag, bytes(len(content))) if content else b"\x05\x01\x00",
}
_TAGS: Final[dict[str, Edit]] = {
    "tagged as the next": lambda tag, content: written(tag + 1, content),
    "tagged as the one before": lambda tag, content: written(tag - 1, content),
    "tagged for an application": _with_tag(0x40),
    "tagged by its context": _with_tag(0x80),
    "tagged privately": _with_tag(0xC0),
    "tagged as the other form": _with_tag(_CONSTRUCTED),
    "tagged with ones": lambda _, content: written(0xFF, content),
    "tagged with zeros": lambda _, content: written(0x00, content),
    "tagged in two bytes": lambda tag, content: bytes([tag | 0x1F, tag & 0x1F]) + length(len(content)) + content,
}
EDITS: Final[dict[str, Edit]] = {
    **{f"its length {name}": edit for name, edit in _LENGTHS.items()},
    **{f"of no length, {name}": edit for name, edit in _ENDLESS.items()},
    **_CONTENTS,
    **_TAGS,
}
