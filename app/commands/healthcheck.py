"""The health check of the image: asks the Duet that is process 1 whether it lives, where it listens.

It imports nothing of Duet and little else, because it runs every few seconds. Run as `python -m`, it ends with
exit code 0 if `/healthz` says 200.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from http.client import HTTPConnection, HTTPException
from pathlib import Path

#: Where a process listens that is told a wildcard is asked on the loopback interface.
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "127.0.0.1", "": "127.0.0.1"}  # noqa: S104


def address_in(command: Sequence[str]) -> tuple[str, int]:
    """Returns host and port in the command line of `duet serve`, or what it takes by default."""
    given = {"--host": "127.0.0.1", "--port": "8000"}
    for word, following in zip(command, (*command[1:], ""), strict=True):
        name, equals, value = word.partition("=")
        if name in given:
            given[name] = value if equals else following
    host = given["--host"].removeprefix("[").removesuffix("]")
    return _EVERYWHERE.get(host, host), int(given["--port"])


def lives(process: int = 1) -> bool:
    """Returns whether the Duet with this process id answers."""
    command = Path(f"/proc/{process}/cmdline").read_bytes().decode(errors="replace").split("\0")
    connection = HTTPConnection(*address_in(command), timeout=4)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(not lives(*map(int, sys.argv[1:])))
