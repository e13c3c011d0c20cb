"""Who owns which part of the site, so that no extension takes what is another's or Duet's."""

from __future__ import annotations

from collections.abc import Iterable

from app.auth.policy import PolicyError


class Claims:
    """Knows who owns which part of the site: the first word of a path belongs to Duet or to one extension.

    Args:
        root: the path that all these paths are below, for messages: `/api`, or nothing for the pages.
        own: the words that belong to Duet.
    """

    def __init__(self, root: str, own: Iterable[str]) -> None:
        self._root = root
        self._owners: dict[str, str | None] = dict.fromkeys(own)  # None is Duet, which is no extension's name
        self._prefixes: set[str] = set()

    def claim(self, prefix: str, name: str) -> None:
        """Gives `prefix` and its first word to the extension `name`. Raises `PolicyError`."""
        self.check(prefix, name)
        plain = prefix.rstrip("/")
        if plain in self._prefixes:
            raise PolicyError(f"extension {name}: the prefix {self._root}{plain} is taken twice")
        self._prefixes.add(plain)
        self._owners[_first_word(prefix)] = name

    def check(self, path: str, name: str) -> None:
        """Raises `PolicyError` if `path` is below a word that another owner has claimed."""
        owner = self._owners.get(_first_word(path), name)
        if owner != name:
            raise PolicyError(f"extension {name}: {self._root}{path} belongs to {owner or 'Duet'} already")


def _first_word(path: str) -> str:
    return path.lstrip("/").partition("/")[0]
