"""Keeps the `runs` table: one row per flow run, from its start to whatever end it comes to."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

from prefect import runtime

from deployments.settings import Settings
from tasks.warehouse.run_log import Run, record_run


def record_flow_run(
    flow: str, parameters: Mapping[str, Any], settings: Settings
) -> AbstractContextManager[Run]:
    """Record the start of the present flow run and, when the block ends, how it ended."""
    settings.home.make()
    return record_run(settings.home, runtime.flow_run.id, flow, parameters)
