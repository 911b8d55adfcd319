"""What a command does first: choose the home, fetch its copy, configure Prefect, handle Ctrl-C, preload libraries.

No other module of the command reads or sets environment variables.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

from data_contracts.errors import ReviewsError
from tasks.support.interruption import INTERRUPTED
from tasks.support.wording import quote_word

if TYPE_CHECKING:
    from deployments.settings import Settings

PREFECT_DEFAULTS = {
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_LOGGERS_PREFECT_TASK_RUNS_LEVEL": "WARNING",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_CLI_PROMPT": "false",
    "DO_NOT_TRACK": "1",
}
"""Variables that the command sets before it loads Prefect, unless the environment sets them."""

SECONDS_TO_END = 8.0
"""How long a command may take to end after Ctrl-C."""
INTERRUPTED_STATUS = 130
"""The exit status after Ctrl-C, by the convention of shells: 128 plus the signal's number."""


def choose_home(home: Path) -> None:
    """Set the home of this process and of those that it starts, in place of the environment's REVIEWS_HOME."""
    os.environ["REVIEWS_HOME"] = str(home.absolute())


def close_home() -> None:
    """Close the home if other users of the machine may enter it, and say so on standard error."""
    with suppress(
        ReviewsError, OSError
    ):  # the command itself names settings that are wrong, and what can't be read
        if closed := load_settings().home.close():
            click.echo(f"reviews: {closed}", err=True)


def keep_to_this_machine() -> None:
    """Let this process send nothing to a store, whatever the settings are."""
    os.environ["REVIEWS_PUBLISH_TO_STORE"] = "false"


def has_screen() -> bool:
    """Return whether this process can open a window, such as that of a browser."""
    return sys.platform == "darwin" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def load_settings() -> "Settings":
    """Return the settings; the module that reads them is loaded by the commands that need them, not by `--help`."""
    from deployments import settings

    return settings.load_settings()


def load_settings_to_read() -> "Settings":
    """Return the settings for a command that reads the published copy.

    If the home has no database, and a store is set, the newest copy of the store is fetched before; then a line on
    standard error says where it is from, and how old it is.
    """
    settings = load_settings()
    if settings.store is not None or settings.home.fetched.exists():
        from tasks.snapshots.reading import find_newest

        if newest := find_newest(settings.home, settings.store):
            click.echo(newest.describe(), err=True)
    return settings


def is_encoding_chosen() -> bool:
    """Return whether the environment chooses the encoding of Python's standard streams."""
    return "PYTHONIOENCODING" in os.environ


def list_variables() -> Collection[str]:
    """List the names of the environment's variables."""
    return list(os.environ)


def find_api_url() -> str | None:
    """Return the address of the Prefect API in use, None if there is none."""
    return os.environ.get("PREFECT_API_URL") or None


def prepare_prefect(*, may_start: bool = True, only_own: bool = False) -> Callable[[], None]:
    """Configure Prefect before it is loaded: use the server of this home's `reviews up`, else start a temporary one.

    Returns a function that waits until the temporary server answers. The server starts while the caller loads its
    libraries. With `may_start` false no server is started, with `only_own` PREFECT_API_URL can't name another one.
    """
    from deployments.installation_paths import require_prefect_home
    from deployments.local_server.running import find_running
    from deployments.password import find_password

    settings = load_settings()
    require_prefect_home(os.environ)
    if running := find_running(settings):
        if only_own and os.environ.get("PREFECT_API_URL", running.api_url) != running.api_url:
            for name in ("PREFECT_API_URL", "PREFECT_API_AUTH_STRING", "PREFECT_API_KEY"):
                os.environ.pop(name, None)  # those of the other server
        url = os.environ.setdefault("PREFECT_API_URL", running.api_url)
        # A server at another address must not get the password.
        if url == running.api_url and (password := find_password(settings)):
            os.environ["PREFECT_API_AUTH_STRING"] = password
    os.environ.setdefault("PREFECT_LOCAL_STORAGE_PATH", str(settings.home.prefect / "storage"))
    signal.signal(signal.SIGINT, _interrupt)
    for name, value in PREFECT_DEFAULTS.items():
        os.environ.setdefault(name, value)
    if may_start:
        from deployments.local_server.server_process import start_where_needed

        if server := start_where_needed():
            return server.wait_until_ready
    return lambda: None


def make_password_error() -> ReviewsError:
    """Return the error of a command whose Prefect server refuses the password, with the next step."""
    from deployments.password import client_file, is_of_another_user

    settings, server = load_settings(), f"Prefect's server at {os.environ.get('PREFECT_API_URL')}"
    if is_of_another_user(settings):
        return ReviewsError(
            f"{server} is that of another user's `reviews up`, who alone can read its password. Next: run the command "
            "as that user, or after `reviews down`."
        )
    return ReviewsError(
        f"{server} asks for another password. Next: to use the server "
        f"of `reviews up`, unset PREFECT_API_URL or type `. {quote_word(str(client_file(settings)))}`; for a "
        "server of your own, set PREFECT_API_AUTH_STRING."
    )


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Interrupt the command at Ctrl-C, and abort it if it has not ended after `SECONDS_TO_END`.

    Prefect would try for minutes to report the interrupted run to its server, which may have stopped.
    """
    INTERRUPTED.set()
    signal.signal(number, signal.default_int_handler)
    timer = threading.Timer(SECONDS_TO_END, _abort_command)
    timer.daemon = True
    timer.start()
    signal.default_int_handler(number, frame)


def _abort_command() -> None:
    os.write(2, b"\nAborted!\n")
    os._exit(INTERRUPTED_STATUS)


def warm_up(settings: "Settings", files: Sequence[str]) -> None:
    """Load the libraries of scoring in another thread if there seems to be something to score.

    Loading takes seconds, and so does the start of Prefect's server: this way both happen at the same time.
    """
    if files or _has_new_files(settings):
        threading.Thread(target=_load_scoring, args=(settings,), name="warm-up", daemon=True).start()


def _has_new_files(settings: "Settings") -> bool:
    """Return whether a file of the inbox was changed after the published copy, by the times of the files."""
    from tasks.inbox.source_files import look_into

    if not settings.home.inbox.is_dir():
        return False
    published = settings.home.published.stat().st_mtime_ns if settings.home.published.is_file() else 0
    return any(file.mtime_ns > published for file in look_into(settings.home.inbox).files)


def _load_scoring(settings: "Settings") -> None:
    """Load the libraries of scoring, and Dask if workers do it, in the thread that `warm_up` starts."""
    # A library that can't be loaded raises its error again in the task that needs it.
    with suppress(Exception):
        if settings.dask:
            from tasks.engine.dask_workers import load_client

            load_client()
        import onnxruntime  # noqa: F401

        import tasks.scoring.group_to_part  # noqa: F401
        from data_contracts.expectations import import_expectations

        import_expectations()
