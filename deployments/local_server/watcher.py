"""Tells Prefect when the inbox has changed, so that a file is scored as soon as it has arrived whole.

The event `reviews.inbox.changed` starts a run of `score-reviews` (a trigger in `prefect.yaml`). Nothing is told
while a run goes on or is about to, since a second one would be cancelled; what arrived meanwhile is told after it.
"""

import math
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from tasks.inbox.source_files import FoundFile, look_into

START_SECONDS = 30.0
"""How long the run that was asked for may take to be seen, before another one is asked for."""

Look = frozenset[FoundFile]


def watch_inbox(
    inbox: Path,
    is_busy: Callable[[], bool],
    tell: Callable[[int], None],
    clock: Callable[[], float] = time.monotonic,
) -> Callable[[], None]:
    """Give the function to call again and again: it looks once, and tells how many files are new or changed.

    A file is told once two looks in a row have seen its size and time unchanged, so that it is whole, whatever the
    others do; one that keeps changing waits. The run that was told starts some seconds later, so no more is told until
    it is seen or `START_SECONDS` have passed by `clock`.
    """
    last: Look = frozenset()
    told: Look = frozenset()
    expected_until = -math.inf

    def look() -> None:
        nonlocal last, told, expected_until
        seen = frozenset(look_into(inbox).files) if inbox.is_dir() else frozenset()
        settled, last = seen & last, seen
        told &= seen
        arrived, is_expected = settled - told, clock() < expected_until
        if not (arrived or is_expected):
            return
        if is_busy():
            expected_until = -math.inf
        elif arrived and not is_expected:
            tell(len(arrived))
            told |= arrived
            expected_until = clock() + START_SECONDS

    return look


def keep_looking(
    look: Callable[[], None], seconds: float, stop: threading.Event, say: Callable[[str], None]
) -> None:
    """Look every `seconds` until `stop`; what goes wrong is said once, and it is tried again."""
    said = ""
    while not stop.wait(seconds):
        try:
            look()
            said = ""
        except Exception as error:  # the server may be away or being restarted
            what = f"{type(error).__name__}: {error}"
            if what != said:
                say(f"The inbox can't be watched now; it is tried again every {seconds:g} s. {what}")
            said = what


def is_scoring() -> bool:
    """Tell whether a run of `score-reviews` goes on or is due."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import DeploymentFilter, FlowRunFilter

    begun = {"state": {"type": {"any_": ["PENDING", "RUNNING"]}}}
    due = {
        "state": {"type": {"any_": ["SCHEDULED"]}},
        "expected_start_time": {"before_": datetime.now(UTC)},
    }
    ours = DeploymentFilter.model_validate({"name": {"any_": ["score-reviews"]}})
    with get_client(sync_client=True) as client:
        return any(
            client.read_flow_runs(
                flow_run_filter=FlowRunFilter.model_validate(wanted), deployment_filter=ours, limit=1
            )
            for wanted in (begun, due)
        )
