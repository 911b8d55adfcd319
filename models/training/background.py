"""Computes beside the main thread."""

from collections.abc import Callable
from concurrent.futures import Future
from contextvars import copy_context
from threading import Thread
from typing import TypeVar

Result = TypeVar("Result")


def start_thread(compute: Callable[[], Result]) -> Future[Result]:
    """Run `compute` in a daemon thread: Ctrl-C must not wait for it, as it would for a thread of a pool.

    It has the context variables of the caller, by which Prefect knows in which run it is.
    """
    future: Future[Result] = Future()
    context = copy_context()

    def fill() -> None:
        try:
            future.set_result(context.run(compute))
        except BaseException as error:
            future.set_exception(error)

    Thread(target=fill, daemon=True).start()
    return future
