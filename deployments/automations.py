"""What a Prefect server does by itself for our deployments, beside the triggers in `prefect.yaml`.

`keep_automations` is a build step of `prefect.yaml`, so every `prefect deploy` makes them, once each, on whatever
server or workspace it deploys to.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from prefect.blocks.webhook import Webhook
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import StateType
from prefect.events.actions import CallWebhook, ChangeFlowRunState
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification
from prefect.types import SecretDict
from pydantic import SecretStr

from deployments.settings import load_settings

DEPLOYMENTS = ("ingest-reviews", "train-model", "score-reviews")
SILENCE = timedelta(seconds=90)
"""A run tells every 30 s that it lives (`prefect.yaml`); one that was silent for this long has crashed."""
WEBHOOK = "reviews-alerts"
"""The block that holds REVIEWS_ALERT_URL, encrypted."""
ENDED = ("Completed", "Failed", "Crashed", "Cancelled", "Cancelling", "Paused", "Suspended", "Scheduled")
OURS: dict[str, str | list[str]] = {
    "prefect.resource.role": "deployment",
    "prefect.resource.name": list(DEPLOYMENTS),
}

ALERTS = {
    "reviews: alert of failed and crashed runs": (
        ("prefect.flow-run.Failed", "prefect.flow-run.Crashed"),
        "ended {{ flow_run.state.name }}: {{ flow_run.state.message }}",
    ),
    "reviews: alert of broken contracts": (
        ("reviews.contract.failed",),
        "broke a contract: {{ event.payload.rules | join(', ') }}",
    ),
    "reviews: alert of refused files": (
        ("reviews.files.refused",),
        "refused {{ event.payload.files }} file(s): {{ event.payload.uris | join(', ') }} (rules: "
        "{{ event.payload.rules | join(', ') }}). Next: see the table scored-files on the run's page, mend the files "
        "and put them into the inbox again.",
    ),
}
"""Each alert's events and what it says of the run, by the automation's name."""


def keep_automations() -> None:
    """Make the automations, or bring those that are there up to date; alerts only where REVIEWS_ALERT_URL is set.

    Where it is not set, alerts that are there stay: whoever deploys from another terminal may not know the address.
    """
    _keep(_crash_silent_runs())
    alert_url = load_settings().alert_url
    if alert_url is None:
        return
    webhook = Webhook(url=SecretStr(alert_url), headers=SecretDict({"Content-Type": "application/json"}))
    block_id = asyncio.run(webhook.asave(WEBHOOK, overwrite=True))
    is_slack = (urlsplit(alert_url).hostname or "").endswith("slack.com")
    for name, (events, said) in ALERTS.items():
        _keep(_alert(name, events, said, block_id, is_slack))


def drop_alerts() -> None:
    """Remove the alerts and the address that they go to."""
    with get_client(sync_client=True) as client:
        for name in ALERTS:
            for automation in client.read_automations_by_name(name):
                client.delete_automation(automation.id)
    with suppress(ValueError):  # there is none
        asyncio.run(Webhook.adelete(WEBHOOK))


def _crash_silent_runs() -> AutomationCore:
    """Mark a run as crashed whose process and worker ended without a word."""
    states = {f"prefect.flow-run.{state}" for state in ENDED}
    return AutomationCore(
        name="reviews: mark silent runs as crashed",
        description="A run that was killed with its worker can't say so: it stops sending heartbeats.",
        trigger=EventTrigger(
            after={"prefect.flow-run.heartbeat", "prefect.flow-run.Running", "prefect.flow-run.Pending"},
            expect={"prefect.flow-run.heartbeat", "prefect.flow-run.Running", *states},
            match=ResourceSpecification({"prefect.resource.id": "prefect.flow-run.*"}),
            match_related=ResourceSpecification(OURS),
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
                message=f"No sign of life for {SILENCE.seconds} s: its process was killed, or its machine stopped. "
                "The next run goes on where it stopped.",
            )
        ],
    )


def _alert(name: str, events: Sequence[str], said: str, block_id: UUID, is_slack: bool) -> AutomationCore:
    return AutomationCore(
        name=name,
        description="Tells the webhook of REVIEWS_ALERT_URL.",
        trigger=EventTrigger(
            expect=set(events),
            match_related=ResourceSpecification(OURS),
            posture=Posture.Reactive,
            threshold=1,
        ),
        actions=[CallWebhook(block_document_id=block_id, payload=write_payload(said, is_slack))],
    )


def write_payload(said: str, is_slack: bool) -> str:
    """Give the template of the JSON that is sent: for Slack its text alone, else the facts beside it."""
    facts = {"text": 'text ~ "\\n" ~ (flow_run | ui_url)'}
    if not is_slack:
        facts |= {
            "event": "event.event",
            "flow_run": "flow_run.name",
            "flow_run_id": "flow_run.id | string",
            "url": "flow_run | ui_url",
        }
    fields = ", ".join(f'"{name}": {{{{ ({value}) | tojson }}}}' for name, value in facts.items())
    return "{% set text %}{{ flow_run.name }} " + said + "{% endset %}{" + fields + "}"


def _keep(automation: AutomationCore) -> None:
    """Create the automation, or update the one of its name; where there are more of that name, drop those."""
    with get_client(sync_client=True) as client:
        same = client.read_automations_by_name(automation.name)
        if not same:
            client.create_automation(automation)
        for first in same[:1]:
            # An update would forget the runs that are being watched.
            if _tell(first) != _tell(automation):
                client.update_automation(first.id, automation)
        for double in same[1:]:
            client.delete_automation(double.id)


def _tell(automation: AutomationCore) -> dict[str, Any]:
    """Give what an automation says, without the number that the server gives it."""
    return automation.model_dump(include=set(AutomationCore.model_fields))
