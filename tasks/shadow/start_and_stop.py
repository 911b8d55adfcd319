"""Starts and ends the shadow by hand, and publishes that."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from data_contracts.errors import UsageError
from data_contracts.storage.home import Home
from models.bundle.blessed_scorer import load_blessed_scorer
from tasks.findings.gathering import refresh_findings
from tasks.warehouse.model_registry import find_champion, find_model
from tasks.warehouse.publishing import publish
from tasks.warehouse.shadow import record

_LONGEST = timedelta(days=3660)


def start(home: Home, asked: record.ShadowStart, say: Callable[[str], None]) -> None:
    """Make a model, named by the beginning of its id, the shadow.

    Raises `UsageError` for the champion and for an end that is over, `BundleError` for a bundle that may not score.
    """
    until = asked.until
    if until is not None and not datetime.now(UTC) < until <= datetime.now(UTC) + _LONGEST:
        raise UsageError(
            f"--until {until:%Y-%m-%d %H:%M} UTC is over, or more than ten years away. Next: name a later date, or "
            "an earlier one."
        )
    row = find_model(home.warehouse, asked.model_id)
    if find_champion(home.warehouse) is None:
        raise UsageError(
            "No model has been promoted yet, and a shadow scores what the champion has scored. Next: reviews models "
            "promote MODEL"
        )
    if row["is_champion"]:
        raise UsageError(
            f"{row['model_id']} is the champion. Next: name another model; `reviews models` lists them."
        )
    load_blessed_scorer(home.bundles / row["model_id"], row["bundle_fingerprint"])
    is_new = record.start_shadow(home.warehouse, replace(asked, model_id=row["model_id"]))
    publish(home)
    end = f" until {until:%Y-%m-%d %H:%M} UTC" if until else ""
    say(f"{row['model_id']} is the shadow{'' if is_new else ' still, now'}{end}.")
    if is_new:
        arrives = "arrives from now on" if asked.since is None else f"arrived since {asked.since:%Y-%m-%d}"
        say(
            f"Runs of `reviews score` score with it, after the champion, what {arrives}. Nobody sees these scores.\n"
            "Next: reviews models shadow status"
        )


def stop(home: Home, by: str, say: Callable[[str], None]) -> None:
    """End the shadow if there is one."""
    stopped = record.stop_shadow(home.warehouse, by) if home.warehouse.exists() else None
    if stopped is None:
        say("No model is the shadow, so there is nothing to stop.")
        return
    refresh_findings(home)
    publish(home)
    say(
        f"{stopped.model_id} is no longer the shadow; its scores stay for the comparison. Next: "
        f"`reviews models shadow status`, or `reviews models promote {stopped.model_id}`"
    )
