"""Looks at the URL of a MongoDB before anything is connected, so that what can't work is told in one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from pymongo import MongoClient
from pymongo.errors import ConfigurationError, InvalidURI, PyMongoError
from pymongo.uri_parser import parse_uri

from app.store.breaker import StoreUnusable

#: What is told where the driver refuses options, or does not find `mongodb+srv://` in the DNS.
UNFIT: Final = "DATABASE_URL has options that don't work, or a name that the DNS lacks."
_SRV: Final = "mongodb+srv://"
_FILES: Final = frozenset({"tlscafile", "tlscertificatekeyfile", "tlscrlfile"})


def check_url(url: str) -> None:
    """Raises `ValueError` if a URL is malformed, and `StoreUnusable` if it can't work as things are.

    Neither quotes the URL. Of `mongodb+srv://` only the files are looked at: the DNS has a say in the rest.
    """
    plain = url.replace(_SRV, "mongodb://", 1)
    try:
        with unfit_files(url):
            parse_uri(plain)
            client: MongoClient[Any] = MongoClient(plain, connect=False)  # this reads the files
            client.close()
    except PyMongoError as error:
        if plain != url:
            return
        if isinstance(error, ConfigurationError) and not isinstance(error, InvalidURI):
            raise StoreUnusable(
                "it has an option that MongoDB's driver does not know, or that does not work"
            ) from None
        raise ValueError("that is not a well-formed MongoDB URL") from None
    except ValueError:
        raise ValueError("that is not a well-formed MongoDB URL") from None


@contextmanager
def unfit_files(url: str) -> Iterator[None]:
    """Raises `StoreUnusable` where a client of `url` can't be made because a file that it names can't be used."""
    try:
        yield
    except OSError as error:  # `ssl.SSLError` is one, too
        raise StoreUnusable(_unfit_file(url)) from error


def _unfit_file(url: str) -> str:
    for option, path in parse_qsl(urlsplit(url).query):
        if option.lower() in _FILES:
            try:
                Path(path).read_bytes()
            except OSError as error:
                return f"the file of {option} can't be read: {error.strerror}"
    return "a file for TLS, such as that of tlsCAFile, is not PEM"
