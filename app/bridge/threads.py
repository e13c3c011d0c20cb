"""Threads that are started when they are needed. A limited number of idle ones stay."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")


class Threads:
    """Runs at once whatever it is given. Its owner has to limit how much that is.

    Python's own executor keeps every thread that it has started.

    Args:
        name: the threads' name.
        keep: how many threads stay when they are idle.
    """

    def __init__(self, name: str, *, keep: int) -> None:
        self._name = name
        self._keep = keep
        self._work: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._all = self._idle = 0
        self._has_ended = False

    def submit(self, work: Callable[[], T]) -> Future[T]:
        """Runs `work` in a thread. Raises `RuntimeError` after `shutdown`."""
        future: Future[T] = Future()
        with self._lock:
            if self._has_ended:
                raise RuntimeError("the threads have ended")
            if self._idle:
                self._idle -= 1
            else:
                self._all += 1
                threading.Thread(target=self._run, name=f"{self._name}_{self._all}").start()
            self._work.put((future, work))
        return future

    def shutdown(self) -> None:
        """Ends idle threads now, and the others when they are done."""
        with self._lock:
            self._has_ended = True
            for _ in range(self._idle):
                self._work.put(None)
            self._idle = 0

    def _run(self) -> None:
        while (item := self._work.get()) is not None:
            _do(*item)
            del item  # otherwise it would be kept alive until there is more to do
            with self._lock:
                if self._has_ended or self._all > self._keep:
                    self._all -= 1
                    return
                self._idle += 1


def _do(future: Future[T], work: Callable[[], T]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = work()
    except BaseException as error:
        future.set_exception(error)
    else:
        future.set_result(result)
