"""Tells the webhook of REVIEWS_ALERT_URL what a run found that needs a person, whoever started the run.

A thing is told of once, as long as it lasts. That a run of a deployment failed or crashed is told by Prefect's server
(`deployments/automations.py`), since a process that was killed, or could not read its settings, can't do so.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from prefect.context import FlowRunContext

from data_contracts.storage.durable import make_folder, write_whole
from data_contracts.storage.home import Home
from deployments.automations import is_slack
from deployments.settings import Settings
from tasks.delivery.delivering import list_failing
from tasks.inbox.source_files import SkippedFile
from tasks.stages.log_messages import log_warning
from tasks.store.upload_trouble import read_trouble
from tasks.support.wording import escape_controls
from tasks.warehouse.run_log import Run

Concerns = dict[str, str]
"""What needs a person, in words, by what makes it the same thing in the next run."""
SEND_SECONDS = 10.0
"""How long the webhook may take to answer."""
_FILES_NAMED = 5
_STATES = ("unread in ", "undelivered to ")
"""How the keys begin of what lasts, and may have ended before it could be sent; all else has happened."""


@contextmanager
def alert_at_end(flow: str, settings: Settings, *, looks_at_all: bool = True) -> Iterator[Concerns]:
    """Yield what needs a person, for the run to fill; at its end, tell the webhook of what was not told before.

    A run that failed, or does not look at all files, has not noticed what still lasts: that stays told.
    """
    concerns: Concerns = {}
    is_whole = False
    try:
        yield concerns
        is_whole = looks_at_all
    except Exception as error:
        if not _is_deployed():
            concerns[f"failed: {error}"] = f"The run failed: {error}"
        raise
    finally:
        if settings.alert_url:
            _tell(flow, settings, settings.alert_url, concerns, is_whole)


def name_killed(run: Run) -> Concerns:
    """Return the runs that were killed before this one, of which Prefect's server has not told."""
    return {
        run_id: _describe_killed(flow, started_at, run.flow)
        for run_id, flow, started_at in run.killed
        if not _is_of_deployment(run_id)
    }


def _describe_killed(flow: str, started_at: str, present: str) -> str:
    """Say that a run was killed, and which one goes on with its work."""
    then = (
        "this run goes on with the rest." if flow == present else "started again, it goes on with the rest."
    )
    when = f"{started_at[:16].replace('T', ' ')} UTC"
    return (
        f"The run of {flow} of {when} was killed, or its machine stopped. What it had committed stays; {then}"
    )


def name_unread(skipped: Sequence[SkippedFile]) -> Concerns:
    """Return the reasons for which files of a folder are not read, until somebody does something."""
    files: dict[tuple[str, str], list[str]] = {}
    for each in skipped:
        if not each.waits:
            files.setdefault((each.uri.rpartition("/")[0], each.reason), []).append(each.uri)
    return {
        f"unread in {folder}: {reason}": f"Not read: {_name_files(uris)}: {reason}"
        for (folder, reason), uris in files.items()
    }


def _name_files(uris: Sequence[str]) -> str:
    """Name the first of some files, and the number of the others."""
    more = f" and {len(uris) - _FILES_NAMED:,} more" if len(uris) > _FILES_NAMED else ""
    return f"{', '.join(uris[:_FILES_NAMED])}{more}"


def name_undelivered(home: Home) -> Concerns:
    """Return the destinations to which the last delivery failed, and the copy in a store likewise."""
    failing = {name: str(standing.error) for name, standing in list_failing(home).items()}
    if trouble := read_trouble(home):
        failing[f"{trouble.store}/published"] = trouble.error
    return {f"undelivered to {name}": f"Not delivered to {name}: {error}" for name, error in failing.items()}


def _is_deployed() -> bool:
    """Return whether a deployment started the present run."""
    context = FlowRunContext.get()
    return bool(context and context.flow_run and context.flow_run.deployment_id)


def _is_of_deployment(run_id: str) -> bool:
    """Return whether the server in use knows a run as one of a deployment, and has told how it ended."""
    from uuid import UUID

    from prefect.client.orchestration import get_client

    with suppress(Exception), get_client(sync_client=True) as client:
        return client.read_flow_run(UUID(run_id)).deployment_id is not None
    return False


def _tell(flow: str, settings: Settings, url: str, concerns: Concerns, is_whole: bool) -> None:
    """Send what was not told before; what can't be sent is sent with what the next run tells."""
    path = settings.home.prefect / f"alerted-{flow}.json"
    told, unsent = _read_told(path)
    ended = {key for key in unsent if is_whole and key.startswith(_STATES)} - concerns.keys()
    waiting = {key: words for key, words in unsent.items() if key not in ended}
    news = {**waiting, **{key: words for key, words in concerns.items() if key not in told}}
    if not news and (not is_whole or told <= concerns.keys()):
        return
    is_sent = not news or _send(url, _make_message(flow, settings, list(news.values()), is_slack(url)))
    kept = {*concerns} if is_whole else {*told, *concerns}
    with suppress(OSError):  # it is told twice then
        make_folder(path.parent)
        with write_whole(path) as building:
            building.write_text(
                json.dumps({"told": sorted(kept), "unsent": {} if is_sent else news}), "utf-8"
            )


def _read_told(path: Path) -> tuple[set[str], Mapping[str, str]]:
    """Return what was told and still lasts, and what could not be sent."""
    try:
        content = json.loads(path.read_text("utf-8"))
        return set(content["told"]), content["unsent"]
    except (OSError, ValueError, TypeError, KeyError):
        return set(), {}


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


def _send(url: str, message: Mapping[str, Any]) -> bool:
    """Send a message to the webhook; warn and return False if that fails. The address is a secret."""
    import httpx

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
