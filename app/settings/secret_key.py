"""The deployment's secret: makes one on the first start where that is safe, and refuses a weak one."""

from __future__ import annotations

import os
import re
import secrets as random
from collections.abc import Collection
from pathlib import Path
from typing import Final

from app.auth.factors import is_guessable
from app.private_files import create

MIN_SECRET_BYTES: Final = 32
#: Examples from tutorials and templates, in lower case. They are also refused if repeated to reach the length. The
#: two long ones are from FastAPI's and Flask's own guides.
WELL_KNOWN_SECRETS: Final = frozenset(
    """
    changeme change-me change_me changethis change-this secret supersecret super-secret super_secret secretkey
    secret-key secret_key mysecret my-secret mysecretkey my-secret-key your-secret your-secret-key your_secret_key
    yoursecretkey jwtsecret jwt-secret jwt_secret jwt-secret-key dev development test testing password example
    default insecure replace-me replaceme todo key flask fastapi duet
    09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7
    192b9bdd22ab9ed4d12e236c78afcb9a393ec15f71bbf5dc987d54727823bcbf
    """.split()  # noqa: SIM905 - a list of forty quoted words reads worse
)


ALSO_ANOTHER: Final = "is another secret as well, which readers of the metrics must not have: make another one"
#: RFC 6750 section 2.1.
_BEARER_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*", re.ASCII)


class SettingsError(Exception):
    """A setting stops the start. The message is one line that names the variable, and never shows a secret."""


def check_secret(name: str, secret: str) -> None:
    """Raises `ValueError` if `secret`, which the variable `name` holds, can be guessed."""
    if is_well_known(secret):
        raise ValueError(f"{name} is a well-known example; make one with: openssl rand -base64 48")
    if len(secret.encode()) < MIN_SECRET_BYTES:
        raise ValueError(
            f"{name} is shorter than {MIN_SECRET_BYTES} bytes; make one with: openssl rand -base64 48"
        )
    if not is_varied(secret):
        raise ValueError(f"{name} is made of too few different characters; make one with: openssl rand -base64 48")
    if is_guessable(secret):
        raise ValueError(
            f"{name} can be guessed: it is made of words, rows or repetitions;"
            " make one with: openssl rand -base64 48"
        )


def check_metrics_token(token: str, others: Collection[str]) -> None:
    """Raises `ValueError` if `token`, which is METRICS_TOKEN or empty, can be guessed or should not be used.

    Args:
        token: METRICS_TOKEN, or empty.
        others: what else is secret here.
    """
    if not token:
        return
    if token in others:
        raise ValueError(f"METRICS_TOKEN {ALSO_ANOTHER}")
    if not _BEARER_TOKEN.fullmatch(token):
        raise ValueError(
            "METRICS_TOKEN has a character that no bearer token has; make one with: openssl rand -hex 32"
        )
    check_secret("METRICS_TOKEN", token)


def is_well_known(secret: str) -> bool:
    """Returns whether `secret` is an example from a tutorial, or is made from one."""
    plain = secret.strip().lower()
    return plain in WELL_KNOWN_SECRETS or _repeated(plain) in WELL_KNOWN_SECRETS


def is_varied(secret: str) -> bool:
    """Returns whether `secret` is made of more than a few different characters."""
    return len(set(secret)) >= 8


def _repeated(text: str) -> str:
    """Returns the text that `text` repeats: 'changeme' for 'changemechangeme'.

    The last repetition may be cut off, and there may be separators.
    """
    bare = text.rstrip("0123456789!._- ")
    for length in range(1, len(bare) // 2 + 1):
        unit = bare[:length]
        if (unit * (len(bare) // length + 1)).startswith(bare):
            return unit.strip("!._- ")
    return bare


def kept_secret(path: Path) -> str:
    """Returns the secret in `path`, which the first start makes. Two starts at the same moment agree on one.

    Raises `SettingsError` if it can't be read or made, or is too short.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            draft = path.with_name(f".{path.name}.{random.token_hex(8)}")
            handle = create(draft)
            with os.fdopen(handle, "w") as file:
                file.write(random.token_urlsafe(48) + "\n")
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(draft, path)  # fails if another start was faster; never leaves half a file
            except FileExistsError:
                pass
            finally:
                draft.unlink()
        secret = path.read_text().strip()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not text"
        raise SettingsError(f"DATA_DIR: can't keep a secret in {path}: {reason}") from error
    if len(secret.encode()) < MIN_SECRET_BYTES:
        raise SettingsError(
            f"DATA_DIR: the secret in {path} is damaged: it is shorter than {MIN_SECRET_BYTES} bytes"
        )
    try:
        check_secret(f"DATA_DIR: the secret in {path}", secret)
    except ValueError as error:
        raise SettingsError(str(error)) from None
    return secret
