"""What is known of a `reviews up` from outside: whether it runs for a home, and where its server is.

The running one holds a lock on `prefect/` in the home, which the system frees when it ends, however it ends; what it
says of itself lies beside, in `up.json`.
"""

import json
import os
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from data_contracts.storage.durable import write_whole
from deployments.settings import PROJECT_ROOT, Settings
from tasks.support.locking import is_held


@dataclass(frozen=True)
class Running:
    """A `reviews up` of a home."""

    pid: int
    ui_url: str
    api_url: str
    started_at: str
    """In UTC, as ISO 8601."""
    checkout: str
    """The project folder that it runs from."""
    is_ready: bool
    """Whether the deployments are made and the worker started."""
    drain_seconds: float = 0
    """How long it waits for runs that go on when it is stopped."""
    doing: str = ""
    """What it waits for when it is being stopped, in words."""


def find_running(settings: Settings) -> Running | None:
    """Give the `reviews up` that runs for this home, None where there is none or it has only just begun."""
    if not settings.home.prefect.is_dir() or not is_held(settings.home.prefect):
        return None
    try:
        return Running(**json.loads(_state_file(settings).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def write_running(settings: Settings, *, is_ready: bool, started_at: datetime, doing: str = "") -> None:
    """Say of this process that it is the `reviews up` of this home."""
    state = Running(
        pid=os.getpid(),
        ui_url=settings.ui_url,
        api_url=settings.api_url,
        started_at=started_at.astimezone(UTC).isoformat(timespec="seconds"),
        checkout=str(PROJECT_ROOT),
        is_ready=is_ready,
        drain_seconds=settings.drain_seconds,
        doing=doing,
    )
    with write_whole(_state_file(settings)) as building:
        building.write_text(json.dumps(asdict(state), indent=2) + "\n", "utf-8")


def forget_running(settings: Settings) -> None:
    """Remove what `write_running` wrote."""
    _state_file(settings).unlink(missing_ok=True)


def _state_file(settings: Settings) -> Path:
    return settings.home.prefect / "up.json"
