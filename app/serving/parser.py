"""httptools' parser, which reads a request once more without its `Upgrade` where that is ignored."""

from __future__ import annotations

from typing import Protocol

import httptools


class Reader(Protocol):
    """What is told of the parts of a request: the protocol, whose callbacks httptools looks up by name."""

    @property
    def ignores_upgrade(self) -> bool:
        """Whether the request just read asks for another protocol that it will not get."""
        ...

    def head_without_upgrade(self) -> bytes:
        """Returns the head of that request, as bytes, without what asks for it."""
        ...


class RequestParser:
    """Parses requests, with the methods of `httptools.HttpRequestParser` that uvicorn calls.

    RFC 9110 section 7.8: a server may ignore an `Upgrade`, and the request is then an ordinary one. httptools
    takes any for the end of HTTP, and does not read the body behind it, such as that of `curl --http2 -d …` or of
    the JDK's HttpClient. So a new parser gets the head without it, and then what followed.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._begin()

    def _begin(self) -> None:
        self._parser = parser = httptools.HttpRequestParser(self._reader)
        # As uvicorn sets it: what follows the last request of a connection is not parsed, and spoils no answer.
        parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self.get_http_version = parser.get_http_version
        self.get_method = parser.get_method
        self.should_keep_alive = parser.should_keep_alive
        self.should_upgrade = parser.should_upgrade

    def feed_data(self, data: bytes) -> None:
        """Reads more of a connection.

        Raises:
            httptools.HttpParserError: it is malformed.
            httptools.HttpParserUpgrade: another protocol takes over.
        """
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if not self._reader.ignores_upgrade:
                raise
            head = self._reader.head_without_upgrade()
            self._begin()
            self._parser.feed_data(head)
            self._parser.feed_data(data[upgrade.args[0] :])
