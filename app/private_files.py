"""The modes of the files and folders that hold secrets: for their owner alone, or for group 0 as well."""

from __future__ import annotations

import os


def file_mode() -> int:
    """Returns the mode of a file that nobody else may read."""
    return 0o660 if _shares_with_group() else 0o600


def folder_mode() -> int:
    """Returns the mode of a folder of such files."""
    return 0o770 if _shares_with_group() else 0o700


def create(path: str | os.PathLike[str]) -> int:
    """Creates a file that nobody else may read, and returns its descriptor, open for reading and writing.

    Raises `FileExistsError` if it exists.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, file_mode())
    if _shares_with_group():
        os.fchmod(descriptor, file_mode())  # whatever the umask takes away
    return descriptor


def _shares_with_group() -> bool:
    """Returns whether another user of this one's group has to be able to go on with its files.

    OpenShift runs a container as any user in group 0, and as another one after a move. Elsewhere nobody is in that
    group but root.
    """
    return os.name == "posix" and os.getegid() == 0 and os.geteuid() != 0
