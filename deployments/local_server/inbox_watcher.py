"""Emits an event when the inbox has changed, so that a file is scored as soon as it has arrived completely.

The event `reviews.inbox.changed` starts a run of `score-reviews` (a trigger in `prefect.yaml`). No event is emitted
while a run is active or due, so that no second run waits; files that arrive meanwhile cause an event afterwards.
One is also emitted when a full disk has space again, since the runs on it will have failed.
"""

import math
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

from tasks.inbox.source_files import FoundFile, look_into

START_SECONDS = 30.0
"""How long to wait for the run that an event starts, before another event is emitted."""
FULL_BYTES, MORE_BYTES = 32 << 20, 4 << 20
"""A disk with less space is full, since a group of files may need as much; and how much more is worth another run."""

Files = frozenset[FoundFile]


def make_inbox_check(
    inbox: Path,
    is_busy: Callable[[], bool],
    emit: Callable[[int], None],
    clock: Callable[[], float] = time.monotonic,
    measure_space: Callable[[Path], int] = lambda path: shutil.disk_usage(path).free,
) -> Callable[[], None]:
    """Return a function to call repeatedly: it reads the inbox once, and emits how many files are new or changed.

    All of them are emitted again once the disk, which was full, has more space than at the event before: a run that
    needs more than there is fills the disk itself, and would be started for ever.

    A file counts once two reads in a row have found the same size and time, so that it is complete; a file that keeps
    changing waits without delaying others. A run starts some seconds after its event, so no further event is emitted
    until `is_busy` has seen the run or `START_SECONDS` have passed by `clock`.
    """
    last: Files = frozenset()
    emitted: Files = frozenset()
    expected_until = -math.inf
    was_full, tried_with = False, 0

    def check() -> None:
        nonlocal last, emitted, expected_until, was_full, tried_with
        present = frozenset(look_into(inbox).files) if inbox.is_dir() else frozenset()
        settled, last = present & last, present
        emitted &= present
        arrived, is_expected = settled - emitted, clock() < expected_until
        space = measure_space(inbox) if present else 0
        was_full = was_full or (bool(present) and space < FULL_BYTES)
        has_space = not arrived and was_full and space > tried_with + MORE_BYTES
        if has_space:
            arrived = settled
        if not (arrived or is_expected):
            return
        if is_busy():
            expected_until = -math.inf
        elif arrived and not is_expected:
            emit(len(arrived))
            emitted |= arrived
            # What was tried with much space may have failed since another program has taken it.
            tried_with = space if has_space else min(space, FULL_BYTES)
            was_full = was_full and not has_space
            expected_until = clock() + START_SECONDS

    return check


def check_repeatedly(
    check: Callable[[], None], seconds: float, stop: threading.Event, echo: Callable[[str], None]
) -> None:
    """Call `check` every `seconds` until `stop`; report a repeated error once, and go on."""
    reported = ""
    while not stop.wait(seconds):
        try:
            check()
            reported = ""
        except Exception as error:  # the server may be restarting
            problem = f"{type(error).__name__}: {error}"
            if problem != reported:
                echo(f"The inbox can't be watched now; retrying every {seconds:g} s. {problem}")
            reported = problem


def is_scoring(deployment: str) -> bool:
    """Return whether a run of the deployment is active or due, so that the watcher emits nothing."""
    from prefect.client.orchestration import get_client

    from deployments.deployed_runs import list_runs, list_waiting

    with get_client(sync_client=True) as client:
        active = list_runs(client, [deployment], ["PENDING", "RUNNING"], limit=1)
        return bool(active or list_waiting(client, deployment))
