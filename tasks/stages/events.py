"""Emits the flows' Prefect events, for the triggers in `prefect.yaml` and for automations of users.

| event | resource | payload |
| --- | --- | --- |
| `reviews.model.promoted` | `reviews.model.<model_id>` | `model_id`, `reason`, `compared_with` |
| `reviews.scores.committed` | `reviews.scored_reviews` | `model_id`, and of the run `files_scored`, `files_rescored`, `files_refused`, `rows_scored`, `rows_rescored`, `rows_quarantined` |
| `reviews.contract.failed` | `reviews.contract.<boundary>` | `boundary`, `rules`, `failed_checks`, `unexpected_rows` |
| `reviews.drift.found` | `reviews.scored_reviews` | `measures`, `findings` (in words) |
| `reviews.deliveries.unusual` | `reviews.inbox` | `sources`, `findings` (in words, ten at most) |
| `reviews.files.refused` | `reviews.inbox` | `files`, `uris` (ten at most), `rules` |
| `reviews.inbox.changed` | `reviews.inbox` | `files` |
| `reviews.training.due` | `reviews.model.<model_id>` | of the champion `model_id`, `variant`, `seed`, `epochs`; `reasons` (accuracy, drift, labels), `findings` (in words) |
"""  # noqa: E501 (rows of a table)

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from prefect.events import emit_event

from data_contracts.storage.home import Home
from data_contracts.storage.home_id import ensure_home_id

if TYPE_CHECKING:
    from data_contracts.expectations import CheckResult
    from tasks.scoring.run_outcome import RunOutcome

HOME_LABEL = "reviews.home"
"""The label of an event's resource that has the id of its home."""
NAMES_LISTED = 10
"""Most names in the payload of an event."""


def emit_promoted(home: Home, model_id: str, reason: str, compared_with: str | None) -> None:
    """Emit that a model became the champion."""
    payload = {"model_id": model_id, "reason": reason, "compared_with": compared_with}
    _emit("reviews.model.promoted", f"reviews.model.{model_id}", payload, home)


def emit_outcome(outcome: "RunOutcome") -> None:
    """Emit the counts of what a run added to the database, by model, and which files it refused."""
    refused = outcome.files("refused")
    if refused:
        uris, rules = [file.uri for file in refused], sorted({str(file.rule) for file in refused})
        payload = {"files": len(refused), "uris": uris[:NAMES_LISTED], "rules": rules}
        _emit("reviews.files.refused", "reviews.inbox", payload)
    for model_id in dict.fromkeys(file.model_id for file in outcome.files("scored")):
        counts = outcome.of_model(model_id).count()
        _emit("reviews.scores.committed", "reviews.scored_reviews", {"model_id": model_id, **counts})


def emit_contract_failed(failed: Sequence["CheckResult"]) -> None:
    """Emit which rules of one boundary are broken; `failed` are its failed checks."""
    boundary = failed[0].boundary
    payload = {
        "boundary": boundary,
        "rules": sorted({check.rule for check in failed}),
        "failed_checks": len(failed),
        "unexpected_rows": sum(check.unexpected_count for check in failed),
    }
    _emit("reviews.contract.failed", f"reviews.contract.{boundary}", payload)


def emit_drift(measures: Sequence[str], findings: Sequence[str]) -> None:
    """Emit that the reviews of a run differ from the model's held-out reviews, and in which measures."""
    payload = {"measures": sorted(set(measures)), "findings": list(findings[:NAMES_LISTED])}
    _emit("reviews.drift.found", "reviews.scored_reviews", payload)


def emit_unusual_deliveries(sources: Sequence[str], findings: Sequence[str]) -> None:
    """Emit which sources are late, or sent unusually few or many rows."""
    payload = {"sources": sorted(set(sources)), "findings": list(findings[:NAMES_LISTED])}
    _emit("reviews.deliveries.unusual", "reviews.inbox", payload)


def emit_inbox_changed(home: Home, files: int) -> None:
    """Emit the number of new or changed files in the inbox. The event starts a scoring run."""
    _emit("reviews.inbox.changed", "reviews.inbox", {"files": files}, home)


def emit_training_due(
    home: Home, champion: Mapping[str, Any], reasons: Sequence[str], findings: Sequence[str]
) -> None:
    """Emit for which new reasons a training is due. The event may start one like that of the champion.

    `champion` is its row of `models`.
    """
    same = {name: champion[name] for name in ("model_id", "variant", "seed", "epochs")}
    payload = {**same, "reasons": list(reasons), "findings": list(findings)}
    _emit("reviews.training.due", f"reviews.model.{champion['model_id']}", payload, home)


def _emit(event: str, resource_id: str, payload: Mapping[str, Any], home: Home | None = None) -> None:
    """Emit a Prefect event; one that starts runs tells of which home it is, since homes may share a server."""
    resource = {"prefect.resource.id": resource_id}
    if home is not None:
        resource[HOME_LABEL] = ensure_home_id(home)
    emit_event(event, resource=resource, payload=dict(payload))
