"""Hands groups to workers, gives back what they made in the order of the groups, and finds the file that kills workers.

The order is that of a run on one machine, since it decides which row of a review is the newest, and which of two full
exports counts. Results that come early wait: they are small, since the parts are in the store.

A worker that dies costs its groups alone: the engine gives them to others. A group over which several died is a
suspect, but so is what waited in the same workers. So each suspect is scored again while nothing else is, and one that
kills workers then too is halved until one file is left.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any, Protocol, TypeVar

from data_contracts.errors import EngineError, WorkerKilledError
from tasks.engine.worker_group_task import GroupSummary, GroupTask
from tasks.engine.worker_text_task import RowTask, TextTask

PER_WORKER = 2
"""Groups in flight for each worker: one that it scores, and one that waits for it."""
AHEAD = 16
"""Most groups for each worker that wait to be given back, unless the caller says fewer."""

Outcome = GroupSummary | Exception | None
"""What became of a group: what its worker returned or raised; None if several workers died over it."""
Task = GroupTask | TextTask | RowTask
"""What is handed out: the work on a group of files, which can be halved, or on some rows of one file."""
_AnyTask = TypeVar("_AnyTask", GroupTask, TextTask, RowTask)


class Engine(Protocol):
    """The workers, as far as it matters here."""

    def count_workers(self) -> int:
        """Return how many there are now."""

    def wait_for_worker(self) -> None:
        """Wait until there is one."""

    def submit(self, task: Task) -> Any:
        """Hand a group out; return a handle for it."""

    def wait_for_some(self, handles: Collection[Any]) -> Sequence[tuple[Any, Outcome]]:
        """Wait until one of the groups has ended; return the handle and outcome of all that have."""


def score_groups(
    engine: Engine, tasks: Iterable[_AnyTask], ahead: int = AHEAD
) -> Iterator[tuple[_AnyTask, GroupSummary | Exception]]:
    """Yield the result of each group, in order; a group that was halved has several.

    For each worker, at most `ahead` groups were handed out and not given back, since one before them takes longer. More
    are handed out before results are given back, so that workers have work while the caller commits.
    What a worker raises is a result, and so is a `WorkerKilledError` for a group of one file. What the engine raises
    ends it all.
    """
    left = enumerate(tasks)
    sent: dict[int, _AnyTask] = {}
    running: dict[Any, int] = {}
    ended: dict[int, tuple[tuple[_AnyTask, GroupSummary | Exception], ...] | None] = {}
    while True:
        suspects = [number for number, results in ended.items() if results is None]
        if suspects and not running:
            ended |= {number: tuple(_score_alone(engine, sent[number])) for number in sorted(suspects)}
            suspects = []
        free = 0 if suspects else _count_free(engine.count_workers(), len(running), len(sent), ahead)
        for number, task in islice(left, free):
            sent[number] = task
            running[engine.submit(task)] = number
        if not sent:
            return
        first = next(iter(sent))
        if results := ended.get(first):
            del ended[first], sent[first]
            yield from results
            continue
        for handle, outcome in engine.wait_for_some(running):
            number = running.pop(handle)
            ended[number] = None if outcome is None else ((sent[number], outcome),)


def score_again(engine: Engine, task: Task) -> GroupSummary:
    """Score a group again, whose part was damaged since; raise what its worker raises."""
    [(_, outcome)] = engine.wait_for_some([engine.submit(task)])
    if isinstance(outcome, Exception):
        raise outcome
    if outcome is None:
        raise EngineError("Several workers ended over it. Next: run again.")
    return outcome


def _count_free(workers: int, running: int, sent: int, ahead: int) -> int:
    """Return how many more groups may be handed out, to that many workers or, before one is there, to the first."""
    workers = max(workers, 1)
    return max(0, min(PER_WORKER * workers - running, ahead * workers - sent))


def _score_alone(engine: Engine, task: _AnyTask) -> Iterator[tuple[_AnyTask, GroupSummary | Exception]]:
    """Yield the result of a group that is scored while no other is; halve one that kills workers."""
    [(_, outcome)] = engine.wait_for_some([engine.submit(task)])
    if outcome is not None:
        yield task, outcome
    elif len(task.files) == 1:
        yield (
            task,
            WorkerKilledError(f"{task.files[0].uri}: several workers ended while they scored it alone."),
        )
    else:
        middle = len(task.files) // 2
        yield from _score_alone(engine, replace(task, files=task.files[:middle]))
        yield from _score_alone(engine, replace(task, files=task.files[middle:]))
