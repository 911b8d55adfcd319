"""Records flow runs in the table `runs`: one row per run, written at its start and updated at its end."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

from prefect import runtime

from deployments.settings import Settings
from tasks.warehouse.run_log import Run, record_run


def record_flow_run(
    flow: str, parameters: Mapping[str, Any], settings: Settings
) -> AbstractContextManager[Run]:
    """Record the start of the current flow run and, when the block ends, its outcome."""
    settings.home.make()
    return record_run(settings.home, runtime.flow_run.id, flow, parameters)
