"""Scores together what is asked at the same time: while one batch is scored, the texts that arrive wait for the next.

So a lone text never waits, and under load a batch grows until it pays. The texts of one request stay together, so that
one model answers them. A request of many texts is scored beside another batch, since it would keep those behind it
waiting for long; a few texts are not, since they cost less together.
"""

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock
from typing import Any, Generic, TypeVar

Asked = TypeVar("Asked")
"""A text that is asked about, with whatever else its score depends on."""
Answers = list[dict[str, Any]]
"""The answers of texts, in their order: rows of `tasks.texts.scores.ANSWER_SCHEMA`."""

MOST_TOGETHER = 64
"""Texts in a batch, unless a single request has more: the engine's batches are no larger."""
MANY = 32
"""Texts of a request for which the second thread looks whether one waits."""


@dataclass(frozen=True)
class Request(Generic[Asked]):
    """The texts of one request, and where their answers go."""

    texts: Sequence[Asked]
    answers: "Future[Answers]"


@dataclass(frozen=True)
class Batching(Generic[Asked]):
    """Two threads that score texts in batches."""

    submit: Callable[[Sequence[Asked]], "Future[Answers]"]
    """Takes the texts of one request, and returns what becomes their answers."""
    count_waiting: Callable[[], int]
    """Counts the texts that wait to be scored."""
    stop: Callable[[], None]
    """Scores what waits, then ends the threads."""


def start_batching(score: Callable[[Sequence[Asked]], Answers]) -> Batching[Asked]:
    """Start threads that call `score` with the texts of requests that wait, at most `MOST_TOGETHER` at a time.

    `score` scores texts by one model.
    """
    waiting: deque[Request[Asked]] = deque()
    lock, first, second = Lock(), ThreadPoolExecutor(1, "scoring"), ThreadPoolExecutor(1, "scoring beside")

    def submit(texts: Sequence[Asked]) -> "Future[Answers]":
        request = Request(texts, Future())
        with lock:
            waiting.append(request)
        # Each request asks for a batch; those that find nothing left return at once.
        for thread in (first, second) if len(texts) >= MANY else (first,):
            thread.submit(lambda: _answer(_take_together(waiting, lock), score))
        return request.answers

    def count_waiting() -> int:
        with lock:
            return sum(len(request.texts) for request in waiting)

    def stop() -> None:
        first.shutdown()
        second.shutdown()

    return Batching(submit, count_waiting, stop)


def _take_together(waiting: deque[Request[Asked]], lock: Lock) -> list[Request[Asked]]:
    """Remove the requests that are scored next, in the order in which they came, without those that were given up."""
    taken: list[Request[Asked]] = []
    with lock:
        texts = 0
        while waiting and (not texts or texts + len(waiting[0].texts) <= MOST_TOGETHER):
            request = waiting.popleft()
            if request.answers.set_running_or_notify_cancel():
                taken.append(request)
                texts += len(request.texts)
    return taken


def _answer(requests: list[Request[Asked]], score: Callable[[Sequence[Asked]], Answers]) -> None:
    """Score the texts of several requests together, and hand each its answers, or the error."""
    if not requests:
        return
    try:
        answers = score([text for request in requests for text in request.texts])
    except Exception as error:  # the caller of each request reports it
        for request in requests:
            request.answers.set_exception(error)
        return
    start = 0
    for request in requests:
        request.answers.set_result(answers[start : start + len(request.texts)])
        start += len(request.texts)
