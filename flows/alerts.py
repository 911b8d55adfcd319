"""Ends a run: records whether it failed, and tells the webhook of REVIEWS_ALERT_URL what needs a person.

So a thing is told of whoever started the run, and once as long as it lasts. That a run of a deployment failed or
crashed is told by Prefect's server (`deployments/automations.py`), since a process that was killed, or could not read
its settings, can't do so.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

from prefect.context import FlowRunContext

from deployments.automations import is_slack
from deployments.settings import Settings
from tasks.findings.finding import Finding
from tasks.findings.gathering import OF_ENDS, gather_at_end, name_failed
from tasks.findings.recorded import note_findings, tell_untold
from tasks.findings.rendering import list_told
from tasks.stages.log_messages import log_warning
from tasks.stages.publish import keep_snapshot, publish_copy
from tasks.support.error_messages import describe_error
from tasks.support.wording import escape_controls
from tasks.warehouse.database.warehouse_connection import open_warehouse

SEND_SECONDS = 10.0
"""How long the webhook may take to answer."""
_OF_FLOWS = ("failed_run", "killed_run")
"""The kinds whose subject is a flow: they last until it ends well."""


@contextmanager
def tell_at_end(flow: str, settings: Settings) -> Iterator[list[Finding]]:
    """Record how the run in the block ended, and tell what needs a person.

    Yield a list for the block to fill with what it notices to have happened; afterwards it has what was found at the
    end. What can't be recorded fails no run: of its own failure it tells all the same.
    """
    happened: list[Finding] = []
    try:
        yield happened
        with _warning():
            happened[:] = _note(flow, settings, happened)
    except Exception as error:
        words = describe_error(error) or str(error)
        failed = name_failed(settings.home, flow, words, _is_deployed())
        is_recorded = False
        with suppress(Exception):  # such as a database that can't be opened, which may be why the run failed
            _note(flow, settings, [*happened, failed])
            is_recorded = settings.home.warehouse.exists()
        if settings.alert_url and not is_recorded and not failed.is_told:
            _send(flow, settings, settings.alert_url, [failed])
        raise
    finally:
        if settings.alert_url:
            with _warning():
                tell_untold(settings.home.warehouse, partial(_send, flow, settings, settings.alert_url))


def _note(flow: str, settings: Settings, happened: Sequence[Finding]) -> tuple[Finding, ...]:
    """Record the end of a run, and publish that if it has changed; return what is open of it."""
    home = settings.home
    if not home.warehouse.exists():
        return ()
    with open_warehouse(home.warehouse, write=False) as connection:
        found = gather_at_end(connection, home)
    context = FlowRunContext.get()
    run_id = str(context.flow_run.id) if context and context.flow_run else None
    noted = note_findings(
        home.warehouse,
        [*found, *happened],
        lambda row: row["kind"] in OF_ENDS or (row["kind"] in _OF_FLOWS and row["subject"] == flow),
        run_id,
    )
    if noted.is_changed:
        with _warning():
            publish_copy(home)
            keep_snapshot(home, settings.snapshot_store, settings.keep_backups)
    return noted.seen


@contextmanager
def _warning() -> Iterator[None]:
    """Warn of an error of the block, which fails no run."""
    try:
        yield
    except Exception as error:
        log_warning(f"What was found could not be recorded or told ({error}). The next run tries again.")


def _is_deployed() -> bool:
    """Return whether a deployment started the present run."""
    context = FlowRunContext.get()
    return bool(context and context.flow_run and context.flow_run.deployment_id)


def is_of_deployment(run_id: str) -> bool:
    """Return whether the server in use knows a run as one of a deployment, and has told how it ended."""
    from uuid import UUID

    from prefect.client.orchestration import get_client

    with suppress(Exception), get_client(sync_client=True) as client:
        return client.read_flow_run(UUID(run_id)).deployment_id is not None
    return False


def _make_message(flow: str, settings: Settings, said: Sequence[str], for_slack: bool) -> dict[str, Any]:
    """Return what is sent: a text, and for webhooks other than Slack's more fields, as those of the server's alerts.

    For Slack the characters that it acts on are escaped: a file's name such as `<!channel>` would call everybody.
    """
    from prefect.utilities.urls import url_for

    context = FlowRunContext.get()
    run = context.flow_run if context else None
    # The server of other runs may end with them.
    link = url_for(run) if run and _is_deployed() else None
    lines = [f"{flow} of {settings.label}", *said, *([link] if link else [])]
    text = "\n".join(escape_controls(line) for line in lines)
    if for_slack:
        return {"text": text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")}
    ids = {"flow_run": run and run.name, "flow_run_id": run and str(run.id), "url": link}
    return {"text": text, "event": "reviews.alert", "home": settings.label, **ids}


def _send(flow: str, settings: Settings, url: str, findings: Sequence[Finding]) -> bool:
    """Send findings to the webhook; warn and return False if that fails. The address is a secret."""
    import httpx

    message = _make_message(flow, settings, list(list_told(findings)), is_slack(url))
    try:
        httpx.post(url, json=message, timeout=SEND_SECONDS).raise_for_status()
    except Exception as error:  # no run fails for its alert, and its own error must not be hidden
        status = f" {error.response.status_code}" if isinstance(error, httpx.HTTPStatusError) else ""
        log_warning(
            f"The webhook of REVIEWS_ALERT_URL was not reached ({type(error).__name__}{status}). The next run tries "
            "again."
        )
        return False
    return True
