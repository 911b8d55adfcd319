"""The state of `reviews up` for other processes: whether it runs for a home, and the address of its server.

It holds a lock on `prefect/` in the home, which the operating system frees when the process ends for any reason, and
writes its state to `prefect/up.json`.
"""

import json
import os
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from data_contracts.errors import ReviewsError
from data_contracts.storage.durable import write_whole
from deployments.installation_paths import PROJECT_ROOT
from deployments.settings import Settings
from tasks.support.locking import is_held
from tasks.support.wording import quote_word


@dataclass(frozen=True)
class Running:
    """The state of the `reviews up` of a home, as in `up.json`."""

    pid: int
    ui_url: str
    api_url: str
    started_at: str
    """When it was started: UTC, ISO 8601."""
    checkout: str
    """The project folder that it runs from."""
    is_ready: bool
    """Whether the deployments are created and the worker is started, and it does not stop yet."""
    drain_seconds: float = 0
    """How long it waits for active runs when it is stopped."""
    doing: str = ""
    """What it waits for while it stops, as a message; empty otherwise."""
    site_url: str | None = None
    """The URL of the site and the reports; None if it serves none."""


def find_running(settings: Settings) -> Running | None:
    """Return the state of this home's `reviews up`; None if it does not run or has not written its state yet."""
    if not settings.home.prefect.is_dir() or not is_held(settings.home.prefect):
        return None
    try:
        return Running(**json.loads(_state_file(settings).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def require_running(settings: Settings) -> Running:
    """Return the `reviews up` of this home; raise `ReviewsError` if there is none."""
    from deployments.marked_processes import find_marked

    running = find_running(settings)
    if running is None:
        command = f"`reviews --home {quote_word(str(settings.home.folder))}"
        if remaining := find_marked(settings.home.folder):
            numbers = ", ".join(str(process.pid) for process in remaining)
            raise ReviewsError(
                f"Down: `reviews up` was killed, but what it started still runs (processes {numbers}). Next: "
                f"{command} down`, which stops them, or {command} up`, which also starts it again."
            )
        raise ReviewsError(f"Down: nothing is up for {settings.home.folder}. Next: {command} up --detach`.")
    return running


def write_running(settings: Settings, *, is_ready: bool, started_at: datetime, doing: str = "") -> None:
    """Write the state of this process, which is the `reviews up` of this home."""
    state = Running(
        pid=os.getpid(),
        ui_url=settings.ui_url,
        api_url=settings.api_url,
        started_at=started_at.astimezone(UTC).isoformat(timespec="seconds"),
        checkout=str(PROJECT_ROOT),
        is_ready=is_ready,
        drain_seconds=settings.drain_seconds,
        doing=doing,
        site_url=settings.site_url,
    )
    with write_whole(_state_file(settings)) as building:
        building.write_text(json.dumps(asdict(state), indent=2) + "\n", "utf-8")


def delete_running(settings: Settings) -> None:
    """Delete the file that `write_running` wrote."""
    _state_file(settings).unlink(missing_ok=True)


def _state_file(settings: Settings) -> Path:
    """Return the path of the file with the state of the running `reviews up`."""
    return settings.home.prefect / "up.json"
