"""Minimizes a file that causes a failure: fewer mutations, then fewer bytes."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from tests.fuzz.cases import Plan, build
from tests.fuzz.supervising import Worker, ask, is_alive, start_worker, stop_worker

Check = Callable[[str, bytes], bool]
"""Tells whether a file of this name and content meets the same fault."""


def minimise(plan: Plan, check: Check, seconds: float) -> tuple[Plan, bytes]:
    """Return the plan with the fewest mutations, and the fewest bytes, that still fail, as far as time allows."""
    until = time.monotonic() + seconds
    for mutation in plan.mutations:
        fewer = replace(plan, mutations=tuple(each for each in plan.mutations if each != mutation))
        if time.monotonic() < until and check(*build(fewer)):
            plan = fewer
    name, data = build(plan)
    return plan, shrink(data, lambda fewer: check(name, fewer), until)


def shrink(data: bytes, check: Callable[[bytes], bool], until: float) -> bytes:
    """Remove ever shorter pieces of the data while `check` is true, until a time limit."""
    size = len(data) // 2
    while size and time.monotonic() < until:
        start = 0
        while start < len(data) and time.monotonic() < until:
            fewer = data[:start] + data[start + size :]
            if fewer and check(fewer):
                data = fewer
            else:
                start += size
        size //= 2
    return data


@contextmanager
def checking(folder: Path, kind: str) -> Iterator[Check]:
    """Return the check for one kind of finding; its worker is replaced when it dies."""
    workers: list[Worker] = []

    def check(name: str, data: bytes) -> bool:
        if not workers:
            workers.append(start_worker(folder))
        path = folder / name
        path.write_bytes(data)
        results = list(ask(workers[0], f"file {path}"))
        if not is_alive(workers[0]):
            stop_worker(workers.pop())
        return any(result.kind == kind for result in results)  # none from a worker that holds too much

    try:
        yield check
    finally:
        for worker in workers:
            stop_worker(worker)
