"""Computes beside the main thread."""

from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

Result = TypeVar("Result")


def start_thread(compute: Callable[[], Result]) -> Future[Result]:
    """Run `compute` in a daemon thread: Ctrl-C must not wait for it, as it would for a thread of a pool."""
    future: Future[Result] = Future()

    def fill() -> None:
        try:
            future.set_result(compute())
        except BaseException as error:
            future.set_exception(error)

    Thread(target=fill, daemon=True).start()
    return future
