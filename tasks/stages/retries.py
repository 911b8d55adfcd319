"""The retry policy of all stages: scheduled runs retry transient errors, such as a failed network or a busy database.

A broken contract, bad input or a wrong parameter is never retried, since it would fail again. Runs from a terminal
retry nothing, so that the user sees an error at once; the stages themselves have waited for busy resources by then.
"""

from typing import Any, TypedDict

from prefect import runtime

from data_contracts.errors import ReviewsError
from tasks.stages.log_lines import log_stage


class Retries(TypedDict):
    """The options of a Prefect task for its retries, and for the line that is logged when it has ended well."""

    retries: int
    retry_delay_seconds: list[float]
    retry_jitter_factor: float
    retry_condition_fn: Any
    on_completion: list[Any]


def is_transient(task: Any, task_run: Any, state: Any) -> bool:
    """Return whether a failed task should be retried: it belongs to a scheduled run and its error may pass.

    Prefect calls this as `retry_condition_fn`.
    """
    error = state.result(raise_on_failure=False)
    return isinstance(error, ReviewsError) and error.can_pass and bool(runtime.deployment.id)


RETRY_TRANSIENT = Retries(
    retries=3,
    retry_delay_seconds=[5, 30, 120],
    retry_jitter_factor=0.5,
    retry_condition_fn=is_transient,
    on_completion=[log_stage],
)
"""Retry three times, after 5, 30 and 120 seconds, each pause randomly longer by up to a half."""
