"""Passwords: their rules, and how they are hashed off the event loop. The only importer of `passlib`."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from passlib.context import CryptContext

from app.auth.factors.hash_queue import HashQueue
from app.auth.factors.quality import check_quality
from app.auth.limits import Asker
from app.auth.models import MAX_PASSWORD_LENGTH
from app.auth.refusals import PasswordUnacceptable

#: An asker without an account and without an IP address.
NOBODY: Final = Asker()


class Passwords:
    """Checks, hashes and verifies passwords.

    bcrypt cuts a password at 72 bytes and at a NUL; `bcrypt_sha256` hashes it first, so it does neither. Plain
    bcrypt hashes that were brought from elsewhere are verified too, and upgraded at the next login.

    Args:
        rounds: the binary logarithm of bcrypt's iterations.
        threads: how many hashes are computed at once.
        min_length: the least length of a password, in characters.

    Attributes:
        queue: where hashes wait for a thread.
    """

    def __init__(self, *, rounds: int, threads: int, min_length: int) -> None:
        self._context = CryptContext(
            schemes=["bcrypt_sha256", "bcrypt"], deprecated=["bcrypt"], default="bcrypt_sha256"
        ).using(bcrypt_sha256__rounds=rounds, bcrypt__rounds=rounds)
        self._unknown = _hash_of_nothing(rounds)
        self._min_length = min_length
        self.queue = HashQueue(threads=threads, seconds_per_hash=2.0**rounds * 6e-5)

    def check(self, password: str, *, field: str = "password") -> None:
        """Raises `PasswordUnacceptable`, with the reason, if `password` may not be chosen. Hashes nothing."""
        if len(password) > MAX_PASSWORD_LENGTH:
            raise PasswordUnacceptable(f"A password has at most {MAX_PASSWORD_LENGTH:,} characters.", field=field)
        if any("\ud800" <= char <= "\udfff" for char in password):
            # Half of a surrogate pair, from a terminal or a script, has no bytes to hash.
            raise PasswordUnacceptable("A password is made of whole characters.", field=field)
        if len(_normal_form(password)) < self._min_length:
            raise PasswordUnacceptable(
                f"A password has at least {self._min_length} characters. "
                "Several words in a row are easy to remember.",
                field=field,
            )

    async def hash(
        self, password: str, *, asker: Asker = NOBODY, context: Sequence[str] = (), field: str = "password"
    ) -> str:
        """Checks a password that somebody chose, and returns the hash to store.

        Args:
            password: what was chosen.
            asker: whose turn in the queue it is.
            context: the person's email address and name, which their password should not be made of.
            field: the name of the form field that held the password.

        Raises:
            PasswordUnacceptable: the password does not meet the rules, or would be guessed soon.
            TooBusy: too many hashes are waiting.
        """
        self.check(password, field=field)
        work = partial(self._judge_and_hash, _normal_form(password), tuple(context), field)
        return await self.queue.run(work, asker)

    def _judge_and_hash(self, secret: str, context: Sequence[str], field: str) -> str:
        """Runs in the pool: judging takes time as well, and anybody can cause it by registering."""
        reason = check_quality(secret, context=context)
        if reason is not None:
            raise PasswordUnacceptable(f"Please choose another password. {reason}", field=field)
        password_hash: str = self._context.hash(secret)
        return password_hash

    async def verify(
        self, password: str, password_hash: str | None, *, asker: Asker = NOBODY
    ) -> tuple[bool, str | None]:
        """Returns whether `password` belongs to `password_hash`, and a better hash if the stored one is outdated.

        For an unknown user it is None, which takes as long as a real hash (OWASP ASVS V6.3.8). Raises `TooBusy`.
        """
        if len(password) > MAX_PASSWORD_LENGTH:
            return False, None
        verify = partial(self._verify, _normal_form(password), password_hash or self._unknown)
        matches, better = await self.queue.run(partial(_tolerant, verify), asker)
        return matches and password_hash is not None, better

    def _verify(self, secret: str, password_hash: str) -> tuple[bool, str | None]:
        if not password_hash.startswith("$2"):
            result: tuple[bool, str | None] = self._context.verify_and_update(secret, password_hash)
            return result
        # Where the hash comes from, bcrypt cut the password at 72 bytes without the person knowing; version 5 of
        # bcrypt refuses longer ones. From this login on, the rest counts as well.
        matches = self._context.verify(secret.encode()[:72], password_hash)
        return matches, self._context.hash(secret) if matches else None

    def close(self) -> None:
        """Releases the threads. It is safe to call this twice."""
        self.queue.close()


def _tolerant(verify: Callable[[], tuple[bool, str | None]]) -> tuple[bool, str | None]:
    """Verifies. A stored hash of an unknown or broken form belongs to no password, which is not an error."""
    try:
        return verify()
    except (ValueError, TypeError):
        return False, None


def _normal_form(password: str) -> str:
    """Gives what looks the same on every keyboard one spelling (RFC 8265 section 4.2, NIST SP 800-63B-4)."""
    return unicodedata.normalize("NFC", password)


def _hash_of_nothing(rounds: int) -> str:
    """Makes a well-formed hash for which no password is known. Verifying it takes as long as a real one."""
    alphabet = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    text = "".join(alphabet[byte % 64] for byte in os.urandom(51))
    # Two bits in the last character of the salt and four in that of the digest must be zero, as they are in 'u'.
    return f"$bcrypt-sha256$v=2,t=2b,r={rounds}${text[:21]}u${text[21:]}u"
