"""The automations of a Prefect server for our deployments: crash silent runs, and tell of runs that ended badly.

`prefect.yaml` has the triggers of single deployments. It calls `keep_automations` as a build step, so every `prefect
deploy` creates or updates these automations on the server or workspace to which it deploys.
"""

import asyncio
import json
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from prefect.blocks.webhook import Webhook
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import StateType
from prefect.events.actions import CallWebhook, ChangeFlowRunState
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification
from prefect.types import SecretDict
from pydantic import SecretStr

from deployments.settings import Settings, load_settings

SILENCE = timedelta(seconds=90)
"""A run sends a heartbeat every 30 s (`prefect.yaml`); after this long without one it counts as crashed."""
WEBHOOK = "reviews-alerts"
"""The block that holds REVIEWS_ALERT_URL, encrypted."""
EXPECTED_STATES = (
    "Completed",
    "Failed",
    "Crashed",
    "Cancelled",
    "Cancelling",
    "Paused",
    "Suspended",
    "Scheduled",
)
"""States after which a run need not send heartbeats."""
SILENT = "reviews: mark silent runs as crashed"
"""The name of the automation that does so."""
ALERT = "reviews: alert of failed and crashed runs"
"""The name of the automation that tells how a run of a deployment ended; what a run finds, it tells itself."""
ENDED_BADLY = {"prefect.flow-run.Failed", "prefect.flow-run.Crashed"}
MESSAGE = (
    "ended {{ flow_run.state.name }}: {{ flow_run.state.message }}{% if flow_run.state.name == 'Crashed' %} Its "
    "process was killed, ran out of memory or could not start. What it had committed stays; the next run goes on "
    "where it stopped: of score-reviews by its schedule, of others once you start it.{% endif %}"
)
"""The template of the alert after the run's name."""
FORMER_ALERTS = (
    "reviews: alert of broken contracts",
    "reviews: alert of refused files",
    "reviews: alert of late sources",
)
"""Names that alerts had before. Automations are found by their names, so these would send every message twice."""


def keep_automations() -> None:
    """Create or update the automations; the alert only if REVIEWS_ALERT_URL is set.

    If it is not set, an existing alert stays: somebody may deploy from a terminal that does not know the address.
    """
    settings = load_settings()
    _save_automation(_crash_silent_runs(settings))
    _drop_automations(settings, FORMER_ALERTS)
    alert_url = settings.alert_url
    if alert_url is None:
        return
    webhook = Webhook(url=SecretStr(alert_url), headers=SecretDict({"Content-Type": "application/json"}))
    block_id = asyncio.run(webhook.asave(settings.add_name(WEBHOOK), overwrite=True))
    payload = format_payload(MESSAGE, settings.label, is_slack(alert_url))
    _save_automation(
        AutomationCore(
            name=_name(settings, ALERT),
            description="Calls the webhook of REVIEWS_ALERT_URL.",
            trigger=EventTrigger(
                expect=ENDED_BADLY,
                match_related=_match_ours(settings),
                posture=Posture.Reactive,
                threshold=1,
            ),
            actions=[CallWebhook(block_document_id=block_id, payload=payload)],
        )
    )


def is_slack(alert_url: str) -> bool:
    """Return whether a webhook is one of Slack's, which takes nothing but a text."""
    return (urlsplit(alert_url).hostname or "").endswith("slack.com")


def drop_alerts(settings: Settings) -> None:
    """Delete the alert and the block that holds its address."""
    _drop_automations(settings, (ALERT, *FORMER_ALERTS))
    with suppress(ValueError):  # the block does not exist
        asyncio.run(Webhook.adelete(settings.add_name(WEBHOOK)))


def _drop_automations(settings: Settings, names: Sequence[str]) -> None:
    """Delete the automations of this home that have one of `names`."""
    with get_client(sync_client=True) as client:
        for name in names:
            for automation in client.read_automations_by_name(_name(settings, name)):
                client.delete_automation(automation.id)


def _name(settings: Settings, automation: str) -> str:
    """Return the name of an automation of this home."""
    owner, _, does = automation.partition(": ")
    return f"{settings.add_name(owner)}: {does}"


def _match_ours(settings: Settings) -> ResourceSpecification:
    """Return what an event is related to that a run of our deployments causes: a heartbeat has no name of these."""
    return ResourceSpecification(
        {"prefect.resource.role": "tag", "prefect.resource.id": f"prefect.tag.{settings.pool}"}
    )


def _crash_silent_runs(settings: Settings) -> AutomationCore:
    """Return the automation that marks a run as crashed after `SILENCE` without a heartbeat."""
    states = {f"prefect.flow-run.{state}" for state in EXPECTED_STATES}
    return AutomationCore(
        name=_name(settings, SILENT),
        description="A run that was killed with its worker can't report that: it stops sending heartbeats.",
        trigger=EventTrigger(
            after={"prefect.flow-run.heartbeat", "prefect.flow-run.Running", "prefect.flow-run.Pending"},
            expect={"prefect.flow-run.heartbeat", "prefect.flow-run.Running", *states},
            match=ResourceSpecification({"prefect.resource.id": "prefect.flow-run.*"}),
            match_related=_match_ours(settings),
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=SILENCE,
        ),
        actions=[
            ChangeFlowRunState(
                name="Crashed",
                state=StateType.CRASHED,
                force=False,
                message=f"No heartbeat for {SILENCE.seconds} s: its process was killed, or its machine stopped. "
                "The next run continues its work.",
            )
        ],
    )


def format_payload(message: str, home: str, is_slack: bool) -> str:
    """Return the Jinja template of the JSON that is sent: the text, and for webhooks other than Slack's more fields.

    For Slack the characters that it acts on are escaped: a file's name such as `<!channel>` would call everybody.
    """
    shown = (
        "text | replace('&', '&amp;') | replace('<', '&lt;') | replace('>', '&gt;')" if is_slack else "text"
    )
    values = {"text": f'({shown}) ~ "\\n" ~ (flow_run | ui_url)'}
    if not is_slack:
        values |= {
            "event": "event.event",
            "home": json.dumps(home),
            "flow_run": "flow_run.name",
            "flow_run_id": "flow_run.id | string",
            "url": "flow_run | ui_url",
        }
    fields = ", ".join(f'"{name}": {{{{ ({value}) | tojson }}}}' for name, value in values.items())
    # The name of a failed run has the error too, which the message repeats.
    return (
        "{% set text %}{{ flow_run.name.split(' failed: ')[0] }} of {{ "
        + json.dumps(home)
        + " }} "
        + message
        + "{% endset %}{"
        + fields
        + "}"
    )


def _save_automation(automation: AutomationCore) -> None:
    """Create the automation, or update the one with its name; delete further ones with that name."""
    with get_client(sync_client=True) as client:
        same = client.read_automations_by_name(automation.name)
        if not same:
            client.create_automation(automation)
        for first in same[:1]:
            # An update would make the server forget which runs it watches, so an equal automation stays as it is.
            if _read_automation(first) != _read_automation(automation):
                client.update_automation(first.id, automation)
        for duplicate in same[1:]:
            client.delete_automation(duplicate.id)


def _read_automation(automation: AutomationCore) -> dict[str, Any]:
    """Return the fields of an automation without the id that the server assigns."""
    return automation.model_dump(include=set(AutomationCore.model_fields))
