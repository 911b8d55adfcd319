"""Keeps the `runs` table: one row per flow run, from its start to whatever end it comes to."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from prefect import runtime

from data_contracts.errors import ReviewsError
from deployments.settings import Settings
from tasks.support.code_version import name_code_version
from tasks.warehouse.run_log import end_run, start_run


@dataclass(frozen=True)
class RecordedRun:
    """A flow run under way; `counts` is filled by the flow and written at its end."""

    run_id: str
    counts: dict[str, int | str] = field(default_factory=dict)


@contextmanager
def record_flow_run(flow: str, parameters: Mapping[str, Any], settings: Settings) -> Iterator[RecordedRun]:
    """Record the start of the present flow run and, when the block ends, how it ended."""
    settings.make_home()
    run = RecordedRun(runtime.flow_run.id)
    start_run(settings.warehouse, run.run_id, flow, parameters, name_code_version())
    try:
        yield run
    except BaseException:
        with suppress(ReviewsError):  # what went wrong matters more than its record
            end_run(settings.warehouse, run.run_id, "failed", run.counts)
        raise
    end_run(settings.warehouse, run.run_id, "completed", run.counts)
