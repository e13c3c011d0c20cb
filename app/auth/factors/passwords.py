"""Passwords: their rules, and hashing off the event loop. The only importer of `passlib`."""

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

#: Who asks on no account's behalf, from nowhere.
NOBODY: Final = Asker()


class Passwords:
    """Checks, hashes and verifies passwords.

    bcrypt cuts at 72 bytes and NUL; `bcrypt_sha256` hashes first and so does neither. Plain bcrypt hashes, brought
    from elsewhere, verify as well and are upgraded at the next log-in.

    Args:
        rounds: the binary logarithm of bcrypt's iterations.
        threads: hashes computed at once.
        min_length: in characters.

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
            # Half of a pair, from a terminal or a script: it has no bytes to hash.
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
        """The hash to store of a password that somebody chose.

        Args:
            password: what was chosen.
            asker: whose turn in the queue it is.
            context: what is known of the person, whose password should not be made of it: address and name.
            field: the name of the field that held it.

        Raises:
            PasswordUnacceptable: it does not meet the rules, or would be guessed soon.
            TooBusy: too many hashes are waiting.
        """
        self.check(password, field=field)
        work = partial(self._judge_and_hash, _normal_form(password), tuple(context), field)
        return await self.queue.run(work, asker)

    def _judge_and_hash(self, secret: str, context: Sequence[str], field: str) -> str:
        """In the pool: judging takes its time as well, and anonymous people can ask for it at the registration."""
        reason = check_quality(secret, context=context)
        if reason is not None:
            raise PasswordUnacceptable(f"Please choose another password. {reason}", field=field)
        password_hash: str = self._context.hash(secret)
        return password_hash

    async def verify(
        self, password: str, password_hash: str | None, *, asker: Asker = NOBODY
    ) -> tuple[bool, str | None]:
        """Whether `password` belongs to `password_hash`, and a better hash of it where the stored one is outdated.

        None for the hash of an unknown user costs as much as a known one's (OWASP ASVS V6.3.8). Raises `TooBusy`.
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
        # Where the hash comes from, bcrypt cut at 72 bytes, and the person knows nothing of it; version 5 refuses
        # more. From this login on the rest counts as well.
        matches = self._context.verify(secret.encode()[:72], password_hash)
        return matches, self._context.hash(secret) if matches else None

    def close(self) -> None:
        """Lets go of the threads. Safe to call twice."""
        self.queue.close()


def _tolerant(verify: Callable[[], tuple[bool, str | None]]) -> tuple[bool, str | None]:
    """A stored hash of an unknown or broken form belongs to no password; it is not an error of the caller's."""
    try:
        return verify()
    except (ValueError, TypeError):
        return False, None


def _normal_form(password: str) -> str:
    """One spelling for what looks the same on every keyboard (RFC 8265 section 4.2, NIST SP 800-63B-4)."""
    return unicodedata.normalize("NFC", password)


def _hash_of_nothing(rounds: int) -> str:
    """A well-formed hash that no password is known for: verifying against it costs what a real one costs."""
    alphabet = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    text = "".join(alphabet[byte % 64] for byte in os.urandom(51))
    # The last characters of salt and digest carry two and four bits that must be zero: 'u' is one such character.
    return f"$bcrypt-sha256$v=2,t=2b,r={rounds}${text[:21]}u${text[21:]}u"
