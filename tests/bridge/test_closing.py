"""What an app leaves to be done when its answer is complete: it keeps nobody waiting, and the answer stands."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import flask
import httpx
import pytest
from structlog.testing import capture_logs

from tests.bridge.test_bridge import pages
from tests.kit.live import serve

#: Seconds that a thing which happens may take on a busy machine.
PATIENCE = 30


class Late:
    """A Flask app whose answers leave something to be done, which goes on until the test lets it end."""

    def __init__(self) -> None:
        self.began, self.may_end = threading.Event(), threading.Event()
        self.ended = threading.Semaphore(0)
        self.app = app = flask.Flask("late")

        @app.get("/<kind>")
        def answer(kind: str) -> flask.Response:
            whole = flask.Response("done" if kind != "stream" else self._stream())
            whole.call_on_close(self._fail if kind == "fails" else self._wait)
            return whole

    def _stream(self) -> Iterator[str]:
        try:
            yield "do"
            yield "ne"
        finally:
            self.began.set()

    def _wait(self) -> None:
        self.began.set()
        assert self.may_end.wait(PATIENCE)
        self.ended.release()

    def _fail(self) -> None:
        self.began.set()
        raise LookupError("too late to matter")


@pytest.mark.parametrize("kind", ["whole", "stream"])
def test_an_answer_is_sent_before_it_is_closed(kind: str) -> None:
    """`call_on_close` runs when the answer is complete, while its client goes on."""
    late = Late()
    with serve(pages(late.app)) as url:
        assert httpx.get(f"{url}/{kind}", timeout=PATIENCE).text == "done"
        assert late.began.wait(PATIENCE)
        late.may_end.set()
        assert late.ended.acquire(timeout=PATIENCE)


def test_what_is_being_closed_keeps_its_place() -> None:
    """A request that is still being closed counts among those that run, so that threads do not grow in number."""
    late = Late()
    with serve(pages(late.app, threads=1)) as url:
        assert httpx.get(f"{url}/whole", timeout=PATIENCE).text == "done"
        with pytest.raises(httpx.ReadTimeout):
            httpx.get(f"{url}/whole", timeout=0.3)
        late.may_end.set()
        assert httpx.get(f"{url}/whole", timeout=PATIENCE).text == "done"


def test_an_error_while_closing_is_logged_and_the_answer_stands() -> None:
    """The client gets the page, and the log what went wrong behind it."""
    late = Late()
    with capture_logs() as lines, serve(pages(late.app)) as url:
        assert httpx.get(f"{url}/fails", timeout=PATIENCE).text == "done"
        assert httpx.head(f"{url}/fails", timeout=PATIENCE).status_code == 200
    assert [line["log_level"] for line in lines if line["event"] == "after_answer_failed"] == ["error", "error"]
