"""The file of a backup: records as lines of JSON, compressed and sealed with a key derived from the secret.

The last line holds the number of lines before it, their SHA-256, and a MAC over both. So a file that was cut off,
damaged, or made or changed by somebody without the secret is refused before anything is touched.
"""

from __future__ import annotations

import errno
import gzip
import hashlib
import hmac
import json
import os
import secrets
import shutil
import tempfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Final

from app.auth.keys import KeyRing, Purpose, mac
from app.store.records import KINDS, NAMES, Kept, from_plain, to_plain

#: The version of the file's format and of its records' fields.
FORMAT: Final = 1
#: How long a line may be, in bytes. An audit event with all its texts is some kilobytes.
MAX_LINE: Final = 1_000_000
_NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT)


class BackupRefused(Exception):
    """The file can't be written or may not be restored. The message is one line for the operator."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a file holds.

    Args:
        made_at: when the backup was begun.
        counts: how many records of each kind there are.
        is_ours: whether the file was sealed with a secret of this deployment.
    """

    made_at: datetime
    counts: Counter[str]
    is_ours: bool


def write_backup(path: Path, records: Iterable[Kept], keys: KeyRing) -> Contents:
    """Writes all records to a file that only its owner may read, either completely or not at all.

    Raises:
        BackupRefused: the file can't be written.
    """
    made_at = datetime.now(UTC)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(descriptor, "wb") as file:
            with gzip.GzipFile("", "wb", fileobj=file, compresslevel=6) as packed:
                counts = _write_lines(packed, made_at, records, keys.keys(Purpose.BACKUP)[0].secret)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise BackupRefused(f"{path} can't be written: {error.strerror}") from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
    return Contents(made_at, counts, is_ours=True)


def _write_lines(packed: gzip.GzipFile, made_at: datetime, records: Iterable[Kept], key: bytes) -> Counter[str]:
    """Writes the head, a line for each record, and the seal. Returns how many records of each kind there are."""
    counts: Counter[str] = Counter()
    lines = _Lines(packed)
    lines.write({"duet_backup": FORMAT, "made_at": made_at.isoformat(timespec="seconds")})
    for record in records:
        name = NAMES[type(record)]
        lines.write({name: to_plain(record)})
        counts[name] += 1
    digest = lines.digest.hexdigest()
    lines.write({"lines": lines.count, "sha256": digest, "mac": _seal(key, lines.count, digest)})
    return counts


@dataclass(frozen=True, slots=True)
class PrivateCopy:
    """A copy of a file that nobody else can change: it has no name, and only this process has it open.

    Args:
        path: the file, for messages.
        file: the copy.
    """

    path: Path
    file: IO[bytes]


@contextmanager
def private_copy(path: Path) -> Iterator[PrivateCopy]:
    """Reads a file once, so that what is restored is what was checked.

    Whoever may write to the file, or to its folder, could otherwise exchange it between the two.

    Raises:
        BackupRefused: it can't be read, or there is no room for the copy in the folder for temporary files.
    """
    with tempfile.TemporaryFile() as copy:
        try:
            with path.open("rb") as file:
                shutil.copyfileobj(file, copy)
        except OSError as error:
            reason = f"{error.strerror}; the copy that is checked lies in {tempfile.gettempdir()} (see TMPDIR)"
            told = reason if error.errno in _NO_ROOM else error.strerror
            raise BackupRefused(f"{path} can't be read: {told}") from error
        yield PrivateCopy(path, copy)


def check_backup(copy: PrivateCopy, keys: KeyRing) -> Contents:
    """Reads a backup from its first to its last line, and tells what is in it.

    Raises:
        BackupRefused: it is not a backup, is damaged, or was made by a newer Duet.
    """
    path = copy.path
    counts: Counter[str] = Counter()
    digest, count = hashlib.sha256(), 0
    made_at, last = None, None
    for line in _read(copy):
        if last is not None:
            raise BackupRefused(f"{path} is damaged: there is something after its end")
        document = _parse(path, line)
        if made_at is None:
            made_at = _made_at(path, document)
        elif "sha256" in document:
            last = document
            continue
        else:
            counts[NAMES[type(_record(path, document))]] += 1
        digest.update(line)
        count += 1
    if made_at is None or last is None:
        raise BackupRefused(f"{path} is damaged: its end is missing")
    if last.get("lines") != count or last["sha256"] != digest.hexdigest():
        raise BackupRefused(f"{path} is damaged: it does not hold what was written")
    seals = [_seal(key.secret, count, digest.hexdigest()) for key in keys.keys(Purpose.BACKUP)]
    is_ours = any(hmac.compare_digest(seal, str(last.get("mac"))) for seal in seals)
    return Contents(made_at, counts, is_ours)


def read_backup(copy: PrivateCopy) -> Iterator[Kept]:
    """Yields the records of a backup that was checked."""
    for line in _read(copy):
        document = _parse(copy.path, line)
        if not {"duet_backup", "sha256"} & document.keys():
            yield _record(copy.path, document)


class _Lines:
    """Writes lines, and counts and digests them."""

    def __init__(self, file: gzip.GzipFile) -> None:
        self._file = file
        self.digest = hashlib.sha256()
        self.count = 0

    def write(self, document: dict[str, Any]) -> None:
        line = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        self._file.write(line)
        self.digest.update(line)
        self.count += 1


def _read(copy: PrivateCopy) -> Iterator[bytes]:
    copy.file.seek(0)
    try:
        with gzip.open(copy.file, "rb") as file:
            while line := file.readline(MAX_LINE):
                yield line
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BackupRefused(f"{copy.path} is not a backup, or is damaged") from error
    except OSError as error:
        raise BackupRefused(f"{copy.path} can't be read: {error.strerror}") from error


def _parse(path: Path, line: bytes) -> dict[str, Any]:
    try:
        document = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BackupRefused(f"{path} is not a backup, or is damaged") from error
    if not isinstance(document, dict) or not document:
        raise BackupRefused(f"{path} is not a backup, or is damaged")
    return document


def _made_at(path: Path, head: dict[str, Any]) -> datetime:
    version = head.get("duet_backup")
    if type(version) is not int:
        raise BackupRefused(f"{path} is not a backup of Duet")
    if version > FORMAT:
        raise BackupRefused(
            f"{path} was made by a newer Duet (format {version}, this one knows {FORMAT}): please upgrade"
        )
    try:
        return datetime.fromisoformat(head["made_at"])
    except (KeyError, TypeError, ValueError) as error:
        raise BackupRefused(f"{path} is damaged") from error


def _record(path: Path, document: dict[str, Any]) -> Kept:
    [(name, values), *more] = document.items()
    if name not in KINDS or more or not isinstance(values, dict):
        raise BackupRefused(f"{path} holds something that this Duet does not know: please upgrade")
    try:
        return from_plain(KINDS[name], values)
    except (TypeError, ValueError, OverflowError) as error:
        raise BackupRefused(
            f"{path} holds a record of the kind {name} that this Duet does not know: please upgrade"
        ) from error


def _seal(key: bytes, lines: int, digest: str) -> str:
    return mac(key, f"{FORMAT}.{lines}.{digest}".encode()).hex()
