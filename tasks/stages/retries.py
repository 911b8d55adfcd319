"""The retry policy of all stages: scheduled runs retry transient errors, such as a failed network or a busy database.

A broken contract, bad input or a wrong parameter is never retried, since it would fail again. Runs from a terminal
retry nothing, so that the user sees an error at once; the stages themselves have waited for busy resources by then.
"""

import random
import time
from collections.abc import Callable
from typing import Any, TypeVar

from prefect import runtime

from data_contracts.errors import ReviewsError
from tasks.stages.log_messages import list_figures, log_figures, log_stage, log_warning

Found = TypeVar("Found")


def is_transient(task: Any, task_run: Any, state: Any) -> bool:
    """Return whether a failed task should be retried: it belongs to a scheduled run and its error may pass.

    Prefect calls this as `retry_condition_fn`.
    """
    return _may_pass(state.result(raise_on_failure=False))


def _may_pass(error: Any) -> bool:
    """Return whether an error may pass, and the run is one of a deployment, for which nobody waits."""
    return isinstance(error, ReviewsError) and error.can_pass and bool(runtime.deployment.id)


RETRY_TRANSIENT: dict[str, Any] = {
    "retries": 3,
    "retry_delay_seconds": [5, 30, 120],
    "retry_jitter_factor": 0.5,
    "retry_condition_fn": is_transient,
    "on_completion": [log_stage],
}
"""Retry three times, after 5, 30 and 120 seconds, each pause randomly longer by up to a half."""


def look(name: str, find: Callable[[], Found]) -> Found:
    """Do a stage that only looks for work: it is retried and logged like the others, but is no task of Prefect.

    Most scheduled runs find nothing. What the server records of tasks was more than half of what such a run left there.
    """
    began, pauses = time.monotonic(), iter(RETRY_TRANSIENT["retry_delay_seconds"])
    while True:
        try:
            found = find()
            break
        except ReviewsError as error:
            pause = next(pauses, None)
            if pause is None or not _may_pass(error):
                raise
            log_warning(f"{name}: {error} It is tried again in {pause:g} s.")
            time.sleep(pause * random.uniform(1, 1 + RETRY_TRANSIENT["retry_jitter_factor"]))  # noqa: S311
    log_figures(name, {**list_figures(found), "seconds": round(time.monotonic() - began, 2)})
    return found
